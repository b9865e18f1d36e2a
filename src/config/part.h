#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"

namespace finack::config {

class Scope;

/// A struct of the file together with the scope that describes it.
class Instance {
 public:
  virtual ~Instance() = default;
  virtual const Scope& scope() const = 0;
};

/// One entry of a part: what is meant depends on the part's kind.
struct Entry {
  std::string name;                    ///< Of named entries, and the key of texts.
  std::string text;                    ///< Of texts.
  std::unique_ptr<Instance> instance;  ///< Of all others.
};

enum class PartKind : std::uint8_t {
  items,    ///< A list of maps.
  named,    ///< A map of maps; the keys are names of the user's choice.
  texts,    ///< A map of texts; the keys are of the user's choice.
  group,    ///< A map that is always in force, with what it does not say at its default.
  section,  ///< A map that is in force only when it is written.
};

/// What a person reads and writes about a part.
struct PartRow {
  std::string_view key;        ///< One key; no dots.
  std::string_view doc;        ///< One line.
  std::string_view noun = {};  ///< What one entry is called; its plural takes an s. "server".
  std::size_t low = 0;         ///< Fewest entries; with 1 the part must be written.
  std::size_t high = 1000;     ///< Most entries.
  /// Items only: the row that a plain scalar in the place of a map gives; empty: none.
  std::string_view shorthand = {};
};

/// Which keys a map with keys of the user's choice takes. The default is for names.
struct KeyRule {
  TextCheck check;                ///< Empty: is_name.
  std::string_view pattern = {};  ///< The same as a regular expression of JSON Schema.
};

/// A name that a file gives to something: letters, digits, '-' and '_', a letter or digit first, at
/// most 64.
bool is_name(std::string_view text);

/// A scope inside a scope.
struct Part {
  PartKind kind = PartKind::items;
  std::string path, doc, noun, shorthand;
  std::size_t low = 0;
  std::size_t high = 0;
  TextCheck key_check;
  std::string key_pattern;
  TextCheck text_check;                             ///< For texts; may be empty.
  std::size_t options_before = 0;                   ///< Rows of the scope that stand before it.
  std::function<std::unique_ptr<Instance>()> make;  ///< One with defaults. Not for texts.
  std::function<void(std::vector<Entry>)> take;     ///< Puts entries into the bound field.
  std::function<std::vector<Entry>()> held;         ///< Copies of what the bound field holds.
};

/// Exactly one, or at most one, of these keys may be written.
struct Choice {
  std::vector<std::string> keys;
  bool needed = false;
};

/// The value of the text row `path` is the name of an entry of the root's part `target`.
struct Reference {
  std::string path, target;
};

/// Says what is wrong with a row or part of the scope ("" for the whole of it).
using Report = std::function<void(std::string_view path, std::string what)>;

}  // namespace finack::config
