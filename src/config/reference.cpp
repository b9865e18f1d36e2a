#include "config/reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/value_text.h"

namespace finack::config {
namespace {

constexpr std::string_view kGenerated =
    "<!-- Generated from the tables in the code. Do not edit. -->";

constexpr std::string_view kSources =
    "Every setting is a flag, a key of the YAML file (`--config FILE`) and an environment "
    "variable.\n"
    "A flag wins over the environment, the environment over the file, the file over the default.\n"
    "`--print-config` prints what is in force and where it came from; its output is a valid file.\n"
    "A mistake stops the start: `file:line:column`, what was wrong and what is allowed, exit "
    "status\n"
    "2; nothing of a file with a mistake is applied.\n\n";

constexpr std::string_view kScopeSources =
    "A setting whose table has flags can be given by its flag, by its environment variable or in "
    "the\n"
    "YAML file; a flag wins over the environment, the environment over the file. All others are "
    "keys\n"
    "of the file alone. A mistake is told as `file:line:column`, what was wrong and what is "
    "allowed;\n"
    "nothing of a file with a mistake is applied.\n\n";

constexpr std::string_view kValues =
    "How values are written:\n\n"
    "- DURATION: `10s`, `250ms`, `1h30m`, `2d`; units d, h, m, s, ms, us, ns, the largest first; "
    "a\n"
    "  plain number counts seconds.\n"
    "- SIZE: `32KiB`, `10MiB`, `1GiB` (powers of 1024), `32kB`, `10MB` (powers of 1000), or a "
    "plain\n"
    "  number of bytes. `32k` is refused, as it could mean both.\n"
    "- RATE: a size a second, `10KiB/s`; the `/s` may be left out.\n"
    "- flags: `--name`, `--no-name` or `--name=true|false`; in files and variables true, yes, on, "
    "1\n"
    "  and false, no, off, 0.\n"
    "- LIST: repeat the flag or separate by commas; in files a sequence or one text. A flag "
    "replaces\n"
    "  the whole list.\n";

/// Text inside a cell: a bar would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) {
  return text.empty() ? std::string("–") : fmt::format("`{}`", cell(text));
}

std::string default_text(const Option& option) {
  if (!option.unset.empty()) return option.unset;
  const std::string text = format_value(option, option.fallback);
  return text.empty() ? "\"\"" : text;
}

std::string flag_text(const Option& option) {
  if (option.type == OptionType::flag) return "--[no-]" + option.name;
  return "--" + option.name;
}

std::string allowed_prefix(const Option& option) {
  if (option.type == OptionType::word) return "; one of ";
  const bool text = option.type == OptionType::text || option.type == OptionType::list;
  return text ? "; such as " : "; ";
}

void append_row(const Option& option, std::string& out) {
  const std::string_view type = type_word(option);
  const std::string allowed = allowed_values(option);
  std::string meaning = cell(option.doc);
  if (!option.danger.empty())
    meaning += fmt::format(" **{} is dangerous:** {}", zero_word(option), cell(option.danger));
  out += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", code(flag_text(option)),
                     code(option.path), code(option.environment), type.empty() ? "flag" : type,
                     code(default_text(option)), allowed.empty() ? "any text" : cell(allowed),
                     option.zero.empty() ? "–" : cell(option.zero), meaning);
}

bool has_rows(const OptionTable& table, const Group& group) {
  return std::ranges::any_of(table.options(),
                             [&](const Option& option) { return option.group == group.title; });
}

// Parts: maps and lists of the file that are no flags.

constexpr std::string_view kParts =
    "\n## Parts of the file\n"
    "What has no flag. A key that must be written says `needed` for its default. NAME stands for "
    "a\n"
    "name of your choice, KEY for a key of your choice, `[]` for each item of a list.\n";

/// The path of what stands inside a part.
std::string inside(const std::string& path, const Part& part) {
  std::string here = path.empty() ? part.path : path + "." + part.path;
  if (part.kind == PartKind::items) here += "[]";
  if (part.kind == PartKind::named) here += ".NAME";
  return here;
}

void append_option(const Scope& scope, const Option& option, std::string& out) {
  const std::string_view type = type_word(option);
  std::string allowed = allowed_values(option);
  if (const Reference* reference = scope.reference(option.path)) {
    allowed = fmt::format("a name of `{}`", reference->target);
  }
  std::string fallback = code(default_text(option));
  if (!option.unset.empty()) fallback = cell(option.unset);
  if (is_required(option)) fallback = scope.is_choice(option.path) ? "–" : "needed";
  std::string meaning = cell(option.doc);
  if (!option.danger.empty())
    meaning += fmt::format(" **{} is dangerous:** {}", zero_word(option), cell(option.danger));
  out += fmt::format("| {} | {} | {} | {} | {} | {} |\n", code(option.path),
                     type.empty() ? "flag" : type, fallback,
                     allowed.empty() ? "any text" : cell(allowed),
                     option.zero.empty() ? "–" : cell(option.zero), meaning);
}

std::string part_type(const Part& part) {
  switch (part.kind) {
    case PartKind::items:
      return "LIST of maps";
    case PartKind::named:
      return "MAP of maps";
    case PartKind::texts:
      return "MAP of texts";
    default:
      return "MAP";
  }
}

void append_part(const Scope& scope, const Part& part, const std::string& path, std::string& out) {
  const bool single = part.kind == PartKind::group || part.kind == PartKind::section;
  std::string allowed = single ? std::string("–") : fmt::format("{} to {}", part.low, part.high);
  if (!part.shorthand.empty()) {
    allowed += fmt::format("; each a map or its `{}` alone", part.shorthand);
  }
  const bool needed = part.low > 0 && !scope.is_choice(part.path);
  const std::string_view fallback = needed                         ? "needed"
                                    : part.kind == PartKind::group ? "its defaults"
                                                                   : "none";
  std::string meaning = cell(part.doc);
  if (part.kind != PartKind::texts) meaning += fmt::format("; see `{}`", inside(path, part));
  out += fmt::format("| {} | {} | {} | {} | – | {} |\n", code(part.path), part_type(part), fallback,
                     allowed, meaning);
}

enum class With : bool { parts_only, rows };

void append_table(const Scope& scope, With with, const std::string& path, std::string& out) {
  out +=
      "\n| key | type | default | allowed | zero or empty means | meaning |\n"
      "|---|---|---|---|---|---|\n";
  auto part = scope.parts().begin();
  const auto parts_before = [&](std::size_t index) {
    for (; part != scope.parts().end() && part->options_before <= index; ++part) {
      append_part(scope, *part, path, out);
    }
  };
  std::size_t index = 0;
  for (const Option& option : scope.table().options()) {
    parts_before(index++);
    if (with == With::rows) append_option(scope, option, out);
  }
  parts_before(index);
  for (const Choice& choice : scope.choices()) {
    out += fmt::format("\n{} one of `{}` may be written.\n", choice.needed ? "Exactly" : "At most",
                       fmt::join(choice.keys, "`, `"));
  }
}

void append_parts(const Scope& scope, const std::string& path, std::string& out) {
  for (const Part& part : scope.parts()) {
    if (part.kind == PartKind::texts) continue;
    const auto instance = part.make();
    const std::string here = inside(path, part);
    out += fmt::format("\n### {}\n{}.\n", code(here), part.doc);
    append_table(instance->scope(), With::rows, here, out);
    append_parts(instance->scope(), here, out);
  }
}

std::string begin_page(std::string_view title, std::string_view sources) {
  return fmt::format("# {}\n\n{}\n\n{}{}", title, kGenerated, sources, kValues);
}

void append_groups(const OptionTable& table, std::string& out) {
  for (const Group& group : table.groups()) {
    if (!has_rows(table, group)) continue;
    out += fmt::format("\n## {}\n", group.title);
    if (!group.doc.empty()) out += fmt::format("{}\n", group.doc);
    out +=
        "\n| flag | YAML key | environment | type | default | allowed | zero or empty means | "
        "meaning |\n|---|---|---|---|---|---|---|---|\n";
    for (const Option& option : table.options()) {
      if (option.group == group.title) append_row(option, out);
    }
  }
}

}  // namespace

std::string configuration_reference_markdown(const OptionTable& table, std::string_view title) {
  std::string out = begin_page(title, kSources);
  append_groups(table, out);
  return out;
}

std::string configuration_reference_markdown(const Scope& root, std::string_view title) {
  std::string out = begin_page(title, kScopeSources);
  append_groups(root.table(), out);
  out += kParts;
  append_table(root, root.table().options().empty() ? With::rows : With::parts_only, "", out);
  append_parts(root, "", out);
  return out;
}

std::string help_text(const OptionTable& table, std::string_view usage,
                      std::string_view description) {
  std::string out = fmt::format(
      "Usage: {}\n\n{}\n\n"
      "  -h, --help\n      prints this\n"
      "  --print-config\n      prints the settings in force as YAML, with their origin\n",
      usage, description);
  for (const Group& group : table.groups()) {
    if (!has_rows(table, group)) continue;
    out += fmt::format("\n{}:\n", group.title);
    for (const Option& option : table.options()) {
      if (option.group != group.title) continue;
      const std::string_view type = type_word(option);
      const std::string allowed = allowed_values(option);
      out += fmt::format("  {}{}{}\n      {}\n", flag_text(option), type.empty() ? "" : " ", type,
                         option.doc);
      out += fmt::format("      default {}", default_text(option));
      if (!allowed.empty() && option.type != OptionType::flag)
        out += allowed_prefix(option) + allowed;
      if (!option.zero.empty()) {
        const bool number = option.type != OptionType::text && option.type != OptionType::list;
        out += fmt::format("; {}: {}", number ? "0" : "\"\"", option.zero);
      }
      out += "\n";
    }
  }
  return out;
}

}  // namespace finack::config
