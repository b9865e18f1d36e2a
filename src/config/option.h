#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "finack/base/clock.h"

namespace finack::config {

enum class OptionType : std::uint8_t { flag, count, bytes, rate, duration, word, text, list };

/// count, bytes and rate are numbers; word and text are strings.
using Value = std::variant<bool, std::uint64_t, Nanos, std::string, std::vector<std::string>>;

/// Why a text is refused: half a sentence that follows the setting's name; nothing when it is fine.
using TextCheck = std::function<std::expected<void, std::string>(std::string_view)>;

/// Which numbers between the bounds are allowed.
enum class Step : std::uint8_t { any, power_of_two };

/// What a person reads and writes about a setting.
struct Row {
  std::string_view name;         ///< Flag without dashes: "timeout-head".
  std::string_view path;         ///< Place in the YAML file: "timeouts.head"; empty: not in files.
  std::string_view doc;          ///< One line.
  std::string_view zero = {};    ///< What 0 (for texts and lists: nothing) means; empty: refused.
  std::string_view danger = {};  ///< Start-up warning when it is 0; empty: none.
  /// For optional fields: what holds while it is left out ("the cluster's").
  std::string_view unset = {};
};

/// A row of a scope of the file: a key with neither flag nor variable.
constexpr Row key(std::string_view path, std::string_view doc, std::string_view zero = {},
                  std::string_view danger = {}) {
  return {{}, path, doc, zero, danger, {}};
}

/// A row with its type, bounds and the place its value goes to.
struct Option {
  std::string name, path, doc, zero, danger, group;
  std::string environment;  ///< "FINACK_TIMEOUT_HEAD"; empty without a flag.
  std::string unset;        ///< Not empty: it may be left out, and this holds then.
  bool is_set = true;  ///< False: the optional field held nothing, and `fallback` means nothing.
  OptionType type = OptionType::text;
  std::uint64_t low = 0;  ///< Bounds of numbers, in nanoseconds for durations.
  std::uint64_t high = std::numeric_limits<std::uint64_t>::max();
  Step step = Step::any;
  std::vector<std::string> words;  ///< What a word may be.
  std::string forms;               ///< What a text may look like, for errors; may be empty.
  Value fallback;   ///< The default: what the bound field held when the row was made.
  TextCheck check;  ///< For texts, and for every item of a list; may be empty.
  std::function<void(const Value&)> store;
};

struct Group {
  std::string title;
  std::string doc;
};

}  // namespace finack::config
