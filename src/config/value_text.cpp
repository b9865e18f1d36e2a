#include "config/value_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "config/suggest.h"
#include "config/units.h"

namespace finack::config {
namespace {

std::uint64_t number_of(const Value& value) {
  if (const auto* nanos = std::get_if<Nanos>(&value)) {
    return static_cast<std::uint64_t>(nanos->count());
  }
  return std::get<std::uint64_t>(value);
}

std::string format_number(const Option& option, std::uint64_t number) {
  switch (option.type) {
    case OptionType::duration:
      return format_duration(Nanos(static_cast<Nanos::rep>(number)));
    case OptionType::bytes:
      return format_bytes(number);
    case OptionType::rate:
      return format_rate(number);
    default:
      return fmt::format("{}", number);
  }
}

std::string zero_note(const Option& option) {
  return option.zero.empty() || option.low == 0 ? "" : fmt::format(", or 0 ({})", option.zero);
}

/// The number in the option's notation; the error names the forms that are allowed.
std::expected<Value, std::string> parse_number(const Option& option, std::string_view text) {
  std::string_view kind;
  std::string_view forms;
  if (option.type == OptionType::duration) {
    if (const auto value = parse_duration(text)) return *value;
    kind = "duration";
    forms = "10s, 250ms, 1h30m, or a plain number of seconds";
  } else if (option.type == OptionType::bytes) {
    if (const auto value = parse_bytes(text)) return *value;
    kind = "size";
    forms = "32KiB or 10MiB (1024), 32kB (1000), or a plain number of bytes";
  } else if (option.type == OptionType::rate) {
    if (const auto value = parse_rate(text)) return *value;
    kind = "rate";
    forms = "10KiB/s (1024), 10kB/s (1000), or a plain number of bytes a second";
  } else {
    if (const auto value = parse_count(text)) return *value;
    kind = "number";
    forms = "a whole number";
  }
  return std::unexpected(fmt::format("{} is no {}: write {}", in_quotes(text), kind, forms));
}

std::expected<Value, std::string> in_bounds(const Option& option, Value value) {
  const std::uint64_t number = number_of(value);
  const bool zero_allowed = number == 0 && !option.zero.empty();
  const bool inside = number >= option.low && number <= option.high;
  if (inside && option.step == Step::power_of_two && !std::has_single_bit(number)) {
    return std::unexpected(fmt::format("{} is no power of two: the nearest are {} and {}",
                                       format_number(option, number),
                                       format_number(option, std::bit_floor(number)),
                                       format_number(option, std::bit_ceil(number))));
  }
  if (zero_allowed || inside) return value;
  return std::unexpected(fmt::format("{} is out of bounds: allowed is {}{}",
                                     format_number(option, number), allowed_values(option),
                                     zero_note(option)));
}

std::expected<void, std::string> check_text(const Option& option, std::string_view text) {
  if (!is_printable_utf8(text)) {
    return std::unexpected(
        fmt::format("{} is not UTF-8 text without control characters", in_quotes(text)));
  }
  if (option.check) return option.check(text);
  return {};
}

std::expected<Value, std::string> parse_word(const Option& option, std::string_view text) {
  if (std::ranges::find(option.words, text) != option.words.end()) return Value(std::string(text));
  return std::unexpected(fmt::format("{} is not allowed: write {}{}", in_quotes(text),
                                     allowed_values(option), did_you_mean(text, option.words)));
}

std::expected<Value, std::string> parse_text(const Option& option, std::string_view text) {
  if (text.empty()) {
    if (!option.zero.empty()) return Value(std::string());
    return std::unexpected(std::string("it must not be empty"));
  }
  if (auto fine = check_text(option, text); !fine) return std::unexpected(std::move(fine.error()));
  return Value(std::string(text));
}

}  // namespace

std::expected<Value, std::string> parse_items(const Option& option,
                                              std::vector<std::string> items) {
  if (items.empty() && option.zero.empty()) {
    return std::unexpected(std::string("it needs at least one item"));
  }
  for (const std::string& item : items) {
    if (item.empty()) return std::unexpected(std::string("an item of the list is empty"));
    if (auto fine = check_text(option, item); !fine) {
      return std::unexpected(std::move(fine.error()));
    }
  }
  return Value(std::move(items));
}

std::expected<Value, std::string> parse_value(const Option& option, std::string_view text) {
  switch (option.type) {
    case OptionType::flag:
      if (const auto value = parse_bool(text)) return Value(*value);
      return std::unexpected(fmt::format("{} is neither true nor false", in_quotes(text)));
    case OptionType::word:
      return parse_word(option, text);
    case OptionType::text:
      return parse_text(option, text);
    case OptionType::list: {
      std::vector<std::string> items;
      while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        items.emplace_back(text.substr(0, comma));
        if (comma + 1 == text.size()) items.emplace_back();
        text.remove_prefix(std::min(comma + 1, text.size()));
      }
      return parse_items(option, std::move(items));
    }
    default: {
      auto value = parse_number(option, text);
      return value ? in_bounds(option, *std::move(value)) : value;
    }
  }
}

std::string format_value(const Option& option, const Value& value) {
  switch (option.type) {
    case OptionType::flag:
      return std::get<bool>(value) ? "true" : "false";
    case OptionType::word:
    case OptionType::text:
      return std::get<std::string>(value);
    case OptionType::list:
      return fmt::format("{}", fmt::join(std::get<std::vector<std::string>>(value), ","));
    default:
      return format_number(option, number_of(value));
  }
}

std::string allowed_values(const Option& option) {
  switch (option.type) {
    case OptionType::flag:
      return "true or false";
    case OptionType::word: {
      if (option.words.size() == 1) return option.words.front();
      const auto last = option.words.end() - 1;
      return fmt::format("{} or {}", fmt::join(option.words.begin(), last, ", "), *last);
    }
    case OptionType::text:
    case OptionType::list:
      return option.forms;
    default:
      return fmt::format("{} to {}{}", format_number(option, option.low),
                         format_number(option, option.high),
                         option.step == Step::power_of_two ? ", powers of two" : "");
  }
}

std::string_view type_word(const Option& option) {
  switch (option.type) {
    case OptionType::flag:
      return "";
    case OptionType::count:
      return "NUMBER";
    case OptionType::bytes:
      return "SIZE";
    case OptionType::rate:
      return "RATE";
    case OptionType::duration:
      return "DURATION";
    case OptionType::word:
      return "WORD";
    case OptionType::text:
      return "TEXT";
    case OptionType::list:
      return "LIST";
  }
  return "";
}

bool is_zero(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->empty();
  if (const auto* items = std::get_if<std::vector<std::string>>(&value)) return items->empty();
  if (const auto* flag = std::get_if<bool>(&value)) return !*flag;
  return number_of(value) == 0;
}

std::string_view zero_word(const Option& option) {
  switch (option.type) {
    case OptionType::flag:
      return "false";
    case OptionType::word:
    case OptionType::text:
    case OptionType::list:
      return "empty";
    default:
      return "0";
  }
}

}  // namespace finack::config
