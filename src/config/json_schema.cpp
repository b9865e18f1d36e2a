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
      return fmt::format(
          R"("type": ["array", "string"], "items": {{"type": ["string", "integer"]}}{})",
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
  if (!option.unset.empty()) out += fmt::format(" Left out: {}.", option.unset);
  if (!option.zero.empty()) out += fmt::format(" {}: {}.", text ? "Empty" : "0", option.zero);
  if (!option.danger.empty())
    out += fmt::format(" {} is dangerous: {}.", zero_word(option), option.danger);
  return out;
}

std::string leaf(const Option& option) {
  const std::string fallback = option.is_set && option.unset.empty() && !is_required(option)
                                   ? fmt::format("\"default\": {}, ", default_json(option))
                                   : "";
  return fmt::format(R"({{{}, {}"description": {}}})", type_members(option), fallback,
                     json_string(description(option)));
}

/// Writes schemas with the indentation of their depth.
class Writer {
 public:
  std::string take() { return std::move(out_); }

  /// The members of an object's schema, without its braces.
  void object(const Scope& scope, const std::vector<PathNode>& nodes, std::size_t depth,
              std::string_view type, bool is_scope) {
    const std::string indent(depth * 2, ' ');
    out_ += fmt::format(
        "{0}\"type\": {1},\n{0}\"additionalProperties\": false,\n{0}\"properties\": {{\n", indent,
        type);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const PathNode& node = nodes[i];
      out_ += fmt::format("{}  {}: ", indent, json_string(node.key));
      if (node.option != nullptr) {
        out_ += leaf(*node.option);
      } else if (node.part != nullptr) {
        part(*node.part, depth + 1);
      } else {
        out_ += "{\n";
        object(scope, node.children, depth + 2, kObjectOrNothing, false);
        out_ += indent + "  }";
      }
      out_ += i + 1 < nodes.size() ? ",\n" : "\n";
    }
    out_ += indent + "}" + (is_scope ? rules(scope, indent) : "") + "\n";
  }

 private:
  static constexpr std::string_view kObject = R"("object")";
  static constexpr std::string_view kObjectOrNothing = R"(["object", "null"])";

  /// What must, and what must not, be written together.
  static std::string rules(const Scope& scope, const std::string& indent) {
    std::vector<std::string> needed;
    for (const Option& option : scope.table().options()) {
      const bool own = option.name.empty() && !scope.is_choice(option.path);
      if (own && is_required(option)) needed.push_back(option.path);
    }
    for (const Part& part : scope.parts()) {
      const bool own = part.low > 0 && !scope.is_choice(part.path);
      if (own && part.held().empty()) needed.push_back(part.path);
    }
    std::string out;
    if (!needed.empty()) out += fmt::format(",\n{}\"required\": {}", indent, string_list(needed));
    std::string choices;
    for (const Choice& choice : scope.choices()) {
      std::string any;
      for (const std::string& key : choice.keys) {
        any += fmt::format(R"({}{{"required": [{}]}})", any.empty() ? "" : ", ", json_string(key));
      }
      // None at all is allowed where the choice is free.
      if (!choice.needed) any += fmt::format(R"(, {{"not": {{"anyOf": [{}]}}}})", any);
      choices += fmt::format(R"({}{{"oneOf": [{}]}})", choices.empty() ? "" : ", ", any);
    }
    if (!choices.empty()) out += fmt::format(",\n{}\"allOf\": [{}]", indent, choices);
    return out;
  }

  void scope(const Scope& scope, std::size_t depth, std::string_view type) {
    object(scope, path_tree(scope).children, depth, type, true);
  }

  void part(const Part& part, std::size_t depth) {
    const std::string indent(depth * 2, ' ');
    out_ += fmt::format("{{\n{}  \"description\": {},\n", indent, json_string(part.doc + "."));
    switch (part.kind) {
      case PartKind::group:
        scope(part.make()->scope(), depth + 1, kObjectOrNothing);
        break;
      case PartKind::section:
        scope(part.make()->scope(), depth + 1, kObject);
        break;
      case PartKind::texts:
        out_ += fmt::format(
            "{0}  \"type\": \"object\",\n{0}  \"maxProperties\": {1},\n"
            "{0}  \"propertyNames\": {{\"pattern\": {2}}},\n"
            "{0}  \"additionalProperties\": {{\"type\": [\"string\", \"number\", \"boolean\"]}}\n",
            indent, part.high, json_string(part.key_pattern));
        break;
      case PartKind::named:
        out_ += fmt::format(
            "{0}  \"type\": \"object\",\n{0}  \"minProperties\": {1},\n"
            "{0}  \"maxProperties\": {2},\n{0}  \"propertyNames\": {{\"pattern\": {3}}},\n"
            "{0}  \"additionalProperties\": {{\n",
            indent, part.low, part.high, json_string(part.key_pattern));
        scope(part.make()->scope(), depth + 2, kObjectOrNothing);
        out_ += indent + "  }\n";
        break;
      case PartKind::items:
        items(part, depth);
        break;
    }
    out_ += indent + "}";
  }

  void items(const Part& part, std::size_t depth) {
    const std::string indent(depth * 2, ' ');
    const auto entry = part.make();
    out_ += fmt::format(
        "{0}  \"type\": {1},\n{0}  \"minItems\": {2},\n{0}  \"maxItems\": {3},\n"
        "{0}  \"items\": {{\n",
        indent, part.shorthand.empty() ? R"("array")" : R"(["array", "string"])", part.low,
        part.high);
    if (part.shorthand.empty()) {
      scope(entry->scope(), depth + 2, kObject);
    } else {
      out_ += fmt::format("{}    \"anyOf\": [{}, {{\n", indent,
                          leaf(*entry->scope().table().by_path(part.shorthand)));
      scope(entry->scope(), depth + 3, kObject);
      out_ += indent + "    }]\n";
    }
    out_ += indent + "  }\n";
  }

  std::string out_;
};

}  // namespace

std::string json_schema(const Scope& root, std::string_view title) {
  Writer writer;
  writer.object(root, path_tree(root).children, 1, R"(["object", "null"])", true);
  return fmt::format(
      "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "  \"title\": {},\n{}}}\n",
      json_string(title), writer.take());
}

std::string json_schema(const OptionTable& table, std::string_view title) {
  return json_schema(Scope(table), title);
}

}  // namespace finack::config
