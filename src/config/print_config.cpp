#include "config/print_config.h"

#include <fmt/format.h>

#include <string_view>

#include "config/path_tree.h"
#include "config/units.h"
#include "config/value_text.h"

namespace finack::config {
namespace {

/// Texts hold no control characters (is_printable_utf8), so two escapes are enough.
std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string yaml_value(const Option& option, const Value& value) {
  if (const auto* items = std::get_if<std::vector<std::string>>(&value)) {
    std::string out = "[";
    for (const std::string& item : *items) {
      out += (out.size() > 1 ? ", " : "") + double_quoted(item);
    }
    return out + "]";
  }
  std::string text = format_value(option, value);
  if (option.type == OptionType::text) return double_quoted(text);
  // Other readers of YAML take the word `off` for false.
  if (option.type == OptionType::word && parse_bool(text)) return double_quoted(text);
  return text;
}

void print_node(const PathNode& node, const Resolved& resolved, std::size_t depth,
                std::string& out) {
  const std::string indent(depth * 2, ' ');
  if (node.option == nullptr) {
    out += fmt::format("{}{}:\n", indent, node.key);
    for (const PathNode& child : node.children) print_node(child, resolved, depth + 1, out);
    return;
  }
  const Resolved::Setting& setting = resolved.at(*node.option);
  const std::string entry =
      fmt::format("{}{}: {}", indent, node.key, yaml_value(*node.option, setting.value));
  out += fmt::format("{:<36} # {}\n", entry, origin_text(setting));
}

}  // namespace

std::string print_config(const Resolved& resolved) {
  std::string out;
  for (const PathNode& node : path_tree(resolved.table()).children) {
    print_node(node, resolved, 0, out);
  }
  return out;
}

}  // namespace finack::config
