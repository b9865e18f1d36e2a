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

/// A name as a key: other readers of YAML take `on` for true, and all of them `null` for nothing.
std::string yaml_name(const std::string& name) {
  const bool special = parse_bool(name) || name == "null" || name == "Null" || name == "NULL";
  return special ? double_quoted(name) : name;
}

class Printer {
 public:
  Printer(const Resolved& resolved, const Places& places) : resolved_(resolved), places_(places) {}

  void root(const Scope& scope) {
    for (const PathNode& node : path_tree(scope).children) {
      print(node, scope, "", 0);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void print(const PathNode& node, const Scope& scope, const std::string& path, std::size_t depth) {
    const std::string here = path.empty() ? node.key : path + "." + node.key;
    if (node.option != nullptr) {
      option(*node.option, node.key, scope, here, depth);
    } else if (node.part != nullptr) {
      part(*node.part, scope, here, depth);
    } else {
      out_ += indent(depth) + node.key + ":\n";
      for (const PathNode& child : node.children) print(child, scope, here, depth + 1);
    }
  }

  Resolved::Setting setting_of(const Option& option, const Scope& scope, const std::string& path) {
    if (&scope.table() == &resolved_.table()) return resolved_.at(option);
    if (!places_.has(path)) return {option.fallback, Origin::fallback, {}};
    return {option.fallback, Origin::file, places_.where(path)};
  }

  void option(const Option& option, const std::string& key, const Scope& scope,
              const std::string& path, std::size_t depth) {
    const Resolved::Setting setting = setting_of(option, scope, path);
    if (setting.origin == Origin::fallback && !option.is_set) return;
    if (scope.is_choice(option.path) && is_zero(setting.value)) return;
    const std::string entry =
        fmt::format("{}{}: {}", indent(depth), key, yaml_value(option, setting.value));
    out_ += fmt::format("{:<36} # {}\n", entry, origin_text(setting));
  }

  void part(const Part& part, const Scope& scope, const std::string& path, std::size_t depth) {
    const std::vector<Entry> held = part.held();
    const bool list = part.kind == PartKind::items;
    if (held.empty()) {
      const bool left_out =
          part.kind == PartKind::section || part.low > 0 || scope.is_choice(part.path);
      if (!left_out)
        out_ += fmt::format("{}{}: {}\n", indent(depth), part.path, list ? "[]" : "{}");
      return;
    }
    out_ += indent(depth) + part.path + ":";
    if (part.kind == PartKind::group || part.kind == PartKind::section) {
      inside(held.front().instance->scope(), path, depth + 1);
      return;
    }
    out_ += "\n";
    for (std::size_t i = 0; i < held.size(); ++i) {
      const Entry& entry = held[i];
      if (list) {
        item(entry.instance->scope(), fmt::format("{}[{}]", path, i), depth + 1);
      } else if (part.kind == PartKind::texts) {
        out_ += fmt::format("{}{}: {}\n", indent(depth + 1), double_quoted(entry.name),
                            double_quoted(entry.text));
      } else {
        out_ += indent(depth + 1) + yaml_name(entry.name) + ":";
        inside(entry.instance->scope(), path + "." + entry.name, depth + 2);
      }
    }
  }

  /// A map behind its "key:".
  void inside(const Scope& scope, const std::string& path, std::size_t depth) {
    const std::size_t key = out_.size();
    out_ += "\n";
    for (const PathNode& node : path_tree(scope).children) print(node, scope, path, depth);
    if (out_.size() == key + 1) out_.replace(key, 1, " {}\n");
  }

  /// A map in a list: its first line begins with the dash.
  void item(const Scope& scope, const std::string& path, std::size_t depth) {
    const std::size_t start = out_.size();
    for (const PathNode& node : path_tree(scope).children) print(node, scope, path, depth + 1);
    if (out_.size() == start) {
      out_ += indent(depth) + "- {}\n";
    } else {
      out_[start + indent(depth).size()] = '-';
    }
  }

  static std::string indent(std::size_t depth) { return std::string(depth * 2, ' '); }

  const Resolved& resolved_;
  const Places& places_;
  std::string out_;
};

void collect_warnings(const Scope& scope, const std::string& path, const Places& places,
                      std::vector<std::string>& sentences);

void collect_in_parts(const Scope& scope, const std::string& path, const Places& places,
                      std::vector<std::string>& sentences) {
  for (const Part& part : scope.parts()) {
    const std::string here = path.empty() ? part.path : path + "." + part.path;
    const std::vector<Entry> held = part.held();
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (!held[i].instance) continue;
      std::string inside = here;
      if (part.kind == PartKind::items) inside += fmt::format("[{}]", i);
      if (part.kind == PartKind::named) inside += "." + held[i].name;
      collect_warnings(held[i].instance->scope(), inside, places, sentences);
    }
  }
}

void collect_warnings(const Scope& scope, const std::string& path, const Places& places,
                      std::vector<std::string>& sentences) {
  for (const Option& option : scope.table().options()) {
    if (option.danger.empty() || !option.is_set || !is_zero(option.fallback)) continue;
    const std::string here = path + "." + option.path;
    sentences.push_back(fmt::format(
        "{} is {} ({}): {}", here, zero_word(option),
        places.has(here) ? fmt::format("from {}", places.where(here)) : std::string("default"),
        option.danger));
  }
  collect_in_parts(scope, path, places, sentences);
}

}  // namespace

std::string print_config(const Resolved& resolved) {
  return print_config(resolved, Scope(resolved.table()), Places());
}

std::string print_config(const Resolved& resolved, const Scope& root, const Places& places) {
  Printer printer(resolved, places);
  printer.root(root);
  return printer.take();
}

std::vector<std::string> part_warnings(const Scope& root, const Places& places) {
  std::vector<std::string> sentences;
  collect_in_parts(root, "", places, sentences);
  return sentences;
}

}  // namespace finack::config
