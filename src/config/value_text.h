#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"

namespace finack::config {

/// The value that a flag's argument, an environment variable or a YAML scalar stands for, bounds
/// checked. The error is half a sentence for a person: what was wrong and what is allowed. A list
/// is split at commas here.
std::expected<Value, std::string> parse_value(const Option& option, std::string_view text);

/// A list whose items were apart from the start (repeated flags, a YAML sequence): not split again.
std::expected<Value, std::string> parse_items(const Option& option, std::vector<std::string> items);

/// As parse_value takes it; list items are joined by commas.
std::string format_value(const Option& option, const Value& value);

/// "1ms to 24h", "probe, cancel or tolerate", or what texts look like; empty when anything goes.
std::string allowed_values(const Option& option);

/// The word for the type in help and reference: DURATION, SIZE, RATE, NUMBER, WORD, TEXT, LIST;
/// empty for flags.
std::string_view type_word(const Option& option);

/// Whether this is the 0, the empty text or the empty list of the option.
bool is_zero(const Value& value);

/// How a person calls that: "0", "false" or "empty".
std::string_view zero_word(const Option& option);

}  // namespace finack::config
