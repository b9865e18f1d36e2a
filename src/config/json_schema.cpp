#include "config/json_schema.h"

#include <fmt/format.h>

#include "config/path_tree.h"
#include "config/value_text.h"

namespace finack::config {
namespace {

/// RFC 8259 section 7.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

constexpr std::string_view kDurationPattern =
    "^[0-9]+$|^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?([0-9]+us)?([0-9]+ns)?$";
constexpr std::string_view kSizePattern = "^[0-9]+(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$";
constexpr std::string_view kRatePattern = "^[0-9]+(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?(/s)?$";

/// Numbers may be written with or without a unit, so an editor meets a string or an integer.
std::string measure(std::string_view pattern) {
  return fmt::format(R"("type": ["string", "integer"], "minimum": 0, "pattern": {})",
                     json_string(pattern));
}

std::string string_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + json_string(item);
  return out + "]";
}

std::string type_members(const Option& option) {
  switch (option.type) {
    case OptionType::flag:
      return R"("type": "boolean")";
    case OptionType::count:
      return fmt::format(R"("type": "integer", "minimum": {}, "maximum": {})",
                         option.zero.empty() ? option.low : 0, option.high);
    case OptionType::bytes:
      return measure(kSizePattern);
    case OptionType::rate:
      return measure(kRatePattern);
    case OptionType::duration:
      return measure(kDurationPattern);
    case OptionType::word:
      return fmt::format(R"("enum": {})", string_list(option.words));
    case OptionType::text:
      return option.zero.empty() ? R"("type": "string", "minLength": 1)" : R"("type": "string")";
    case OptionType::list:
      return fmt::format(R"("type": ["array", "string"], "items": {{"type": "string"}}{})",
                         option.zero.empty() ? R"(, "minItems": 1)" : "");
  }
  return "";
}

std::string default_json(const Option& option) {
  if (const auto* items = std::get_if<std::vector<std::string>>(&option.fallback)) {
    return string_list(*items);
  }
  const std::string text = format_value(option, option.fallback);
  const bool bare = option.type == OptionType::flag || option.type == OptionType::count;
  return bare ? text : json_string(text);
}

/// What an editor shows: whole sentences, one after the other.
std::string description(const Option& option) {
  const bool text = option.type == OptionType::text || option.type == OptionType::list;
  const std::string allowed = allowed_values(option);
  std::string out = option.doc + ".";
  if (!allowed.empty() && option.type != OptionType::flag) {
    out += fmt::format(" {}: {}.", text ? "For example" : "Allowed", allowed);
  }
  if (!option.zero.empty()) out += fmt::format(" {}: {}.", text ? "Empty" : "0", option.zero);
  if (!option.danger.empty()) out += fmt::format(" 0 is dangerous: {}.", option.danger);
  return out;
}

std::string leaf(const Option& option) {
  return fmt::format(R"({{{}, "default": {}, "description": {}}})", type_members(option),
                     default_json(option), json_string(description(option)));
}

/// The members of an object's schema, without its braces.
std::string object_members(const PathNode& node, std::size_t depth) {
  const std::string indent(depth * 2, ' ');
  std::string out = fmt::format(
      "{0}\"type\": [\"object\", \"null\"],\n{0}\"additionalProperties\": false,\n"
      "{0}\"properties\": {{\n",
      indent);
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const PathNode& child = node.children[i];
    const std::string_view comma = i + 1 < node.children.size() ? "," : "";
    if (child.option != nullptr) {
      out +=
          fmt::format("{}  {}: {}{}\n", indent, json_string(child.key), leaf(*child.option), comma);
    } else {
      out += fmt::format("{0}  {1}: {{\n{2}{0}  }}{3}\n", indent, json_string(child.key),
                         object_members(child, depth + 2), comma);
    }
  }
  return out + indent + "}\n";
}

}  // namespace

std::string json_schema(const OptionTable& table, std::string_view title) {
  return fmt::format(
      "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "  \"title\": {},\n{}}}\n",
      json_string(title), object_members(path_tree(table), 1));
}

}  // namespace finack::config
