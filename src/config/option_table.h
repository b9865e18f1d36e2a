#pragma once
#include <concepts>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

/// The one place that knows every setting of a command: flags, --help, YAML, environment, errors,
/// --print-config, JSON Schema and the reference page are made from it. A row is bound to a field
/// that must outlive the table; fields change only in Resolved::apply.
class OptionTable {
 public:
  OptionTable() = default;
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  /// Rows that follow belong to this group; a title used before continues that group.
  void group(std::string_view title, std::string_view doc);

  void flag(const Row& row, bool& field);
  void flag(const Row& row, std::optional<bool>& field);
  void duration(const Row& row, Nanos& field, Nanos low, Nanos high);
  void duration(const Row& row, std::optional<Nanos>& field, Nanos low, Nanos high);
  void text(const Row& row, std::string& field, std::string_view forms = {}, TextCheck check = {});
  void list(const Row& row, std::vector<std::string>& field, std::string_view forms = {},
            TextCheck check = {});

  template <std::integral T>
  void count(const Row& row, T& field, std::uint64_t low, std::uint64_t high) {
    number(row, OptionType::count, field, low, high);
  }
  template <std::integral T>
  void count(const Row& row, std::optional<T>& field, std::uint64_t low, std::uint64_t high) {
    optional_number(row, OptionType::count, field, low, high);
  }
  template <std::integral T>
  void bytes(const Row& row, std::optional<T>& field, std::uint64_t low, std::uint64_t high) {
    optional_number(row, OptionType::bytes, field, low, high);
  }
  template <std::integral T>
  void bytes(const Row& row, T& field, std::uint64_t low, std::uint64_t high,
             Step step = Step::any) {
    number(row, OptionType::bytes, field, low, high).step = step;
  }
  template <std::integral T>
  void rate(const Row& row, T& field, std::uint64_t low, std::uint64_t high) {
    number(row, OptionType::rate, field, low, high);
  }

  template <class Enum>
  struct Word {
    std::string_view name;
    Enum value;
  };
  /// One of a few words, each standing for an enumerator.
  template <class Enum>
  void word(const Row& row, Enum& field, std::vector<Word<Enum>> words) {
    Option& option = add(row, OptionType::word);
    for (const auto& w : words) {
      option.words.emplace_back(w.name);
      if (w.value == field) option.fallback = std::string(w.name);
    }
    option.store = [&field, words = std::move(words)](const Value& value) {
      for (const auto& w : words) {
        if (w.name == std::get<std::string>(value)) field = w.value;
      }
    };
  }

  /// A text that means something else: `parse` (text to T or half a sentence why not) and `format`
  /// must be each other's inverse.
  template <class T, class Parse, class Format>
  void parsed(const Row& row, T& field, std::string_view forms, Parse parse, Format format) {
    Option& option = add(row, OptionType::text);
    option.forms = forms;
    option.fallback = std::string(format(field));
    option.check = [parse](std::string_view text) -> std::expected<void, std::string> {
      auto value = parse(text);
      if (!value) return std::unexpected(std::move(value.error()));
      return {};
    };
    option.store = [&field, parse](const Value& value) {
      if (auto meaning = parse(std::get<std::string>(value))) field = *std::move(meaning);
    };
  }

  /// A list whose items mean something else; `parse` and `format` as for parsed().
  template <class T, class Parse, class Format>
  void parsed_list(const Row& row, std::vector<T>& field, std::string_view forms, Parse parse,
                   Format format) {
    Option& option = add(row, OptionType::list);
    option.forms = forms;
    std::vector<std::string> items;
    for (const T& item : field) items.push_back(std::string(format(item)));
    option.fallback = std::move(items);
    option.check = [parse](std::string_view text) -> std::expected<void, std::string> {
      auto value = parse(text);
      if (!value) return std::unexpected(std::move(value.error()));
      return {};
    };
    option.store = [&field, parse](const Value& value) {
      field.clear();
      for (const std::string& item : std::get<std::vector<std::string>>(value)) {
        if (auto meaning = parse(item)) field.push_back(*std::move(meaning));
      }
    };
  }

  const std::deque<Option>& options() const { return options_; }
  const std::deque<Group>& groups() const { return groups_; }
  /// nullptr when there is none. By flag name, YAML path and environment variable.
  const Option* by_name(std::string_view name) const;
  const Option* by_path(std::string_view path) const;
  const Option* by_environment(std::string_view variable) const;
  std::size_t index_of(const Option& option) const;

 private:
  template <class T>
  Option& number(const Row& row, OptionType type, T& field, std::uint64_t low, std::uint64_t high) {
    Option& option = add_number(row, type, static_cast<std::uint64_t>(field), low, high,
                                static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
    option.store = [&field](const Value& v) { field = static_cast<T>(std::get<std::uint64_t>(v)); };
    return option;
  }
  template <class T>
  Option& optional_number(const Row& row, OptionType type, std::optional<T>& field,
                          std::uint64_t low, std::uint64_t high) {
    Option& option = add_number(row, type, field ? static_cast<std::uint64_t>(*field) : low, low,
                                high, static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
    option.is_set = field.has_value();
    option.store = [&field](const Value& v) { field = static_cast<T>(std::get<std::uint64_t>(v)); };
    return option;
  }
  Option& add(const Row& row, OptionType type);
  Option& add_number(const Row& row, OptionType type, std::uint64_t value, std::uint64_t low,
                     std::uint64_t high, std::uint64_t type_limit);

  std::deque<Option> options_;
  std::deque<Group> groups_;
  std::string current_group_;
};

}  // namespace finack::config
