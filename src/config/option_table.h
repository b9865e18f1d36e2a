#pragma once
#include <concepts>
#include <cstdint>
#include <deque>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/option.h"
#include "finack/base/clock.h"

namespace finack::config {

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
    items(row, field, forms, parse, format).store = [&field, parse](const Value& value) {
      field = meanings<T>(value, parse);
    };
  }
  template <class T, class Parse, class Format>
  void parsed_list(const Row& row, std::optional<std::vector<T>>& field, std::string_view forms,
                   Parse parse, Format format) {
    Option& option = items(row, field.value_or(std::vector<T>()), forms, parse, format);
    option.is_set = field.has_value();
    option.store = [&field, parse](const Value& value) { field = meanings<T>(value, parse); };
  }

  const std::deque<Option>& options() const { return options_; }
  const std::deque<Group>& groups() const { return groups_; }
  /// nullptr when there is none. By flag name, YAML path and environment variable.
  const Option* by_name(std::string_view name) const;
  const Option* by_path(std::string_view path) const;
  const Option* by_environment(std::string_view variable) const;
  std::size_t index_of(const Option& option) const;

 private:
  template <class T, class Parse, class Format>
  Option& items(const Row& row, const std::vector<T>& held, std::string_view forms, Parse parse,
                Format format) {
    Option& option = add(row, OptionType::list);
    option.forms = forms;
    std::vector<std::string> texts;
    texts.reserve(held.size());
    for (const T& item : held) texts.push_back(std::string(format(item)));
    option.fallback = std::move(texts);
    option.check = [parse](std::string_view text) -> std::expected<void, std::string> {
      auto value = parse(text);
      if (!value) return std::unexpected(std::move(value.error()));
      return {};
    };
    return option;
  }
  template <class T, class Parse>
  static std::vector<T> meanings(const Value& value, Parse parse) {
    std::vector<T> all;
    for (const std::string& item : std::get<std::vector<std::string>>(value)) {
      if (auto meaning = parse(item)) all.push_back(*std::move(meaning));
    }
    return all;
  }
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
