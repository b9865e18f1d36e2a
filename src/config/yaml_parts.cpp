// The half of YamlWalk that reads parts: lists, named maps, texts, groups.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/suggest.h"
#include "config/units.h"
#include "config/value_text.h"
#include "config/yaml_walk.h"

namespace finack::config {
namespace {

std::vector<std::string> keys_of(const Scope& scope) {
  std::vector<std::string> keys;
  for (const Option& option : scope.table().options()) keys.push_back(option.path);
  for (const Part& part : scope.parts()) keys.push_back(part.path);
  return keys;
}

}  // namespace

void YamlWalk::part(Frame& frame, const Part& part, const YAML::Node& key,
                    const YAML::Node& value) {
  const Place at = place_of(key.Mark());
  const std::string path = frame.path.empty() ? part.path : frame.path + "." + part.path;
  frame.present.emplace(part.path, at);
  content_.places.note(path, at);
  switch (part.kind) {
    case PartKind::group:
    case PartKind::section:
      return one(frame, part, path, at, value);
    case PartKind::items:
      return items(frame, part, path, at, value);
    case PartKind::named:
      return names(frame, part, path, at, value);
    case PartKind::texts:
      return texts(frame, part, path, at, value);
  }
}

void YamlWalk::one(Frame& frame, const Part& part, const std::string& path, Place at,
                   const YAML::Node& value) {
  if (value.IsNull() && part.kind == PartKind::group) return;
  Entry entry{{}, {}, part.make()};
  if (value.IsNull()) {
    problem(at, fmt::format("{}: the value is missing; write {{}} for its defaults", path));
  } else if (!value.IsMap()) {
    problem(value.Mark(), fmt::format("{} is a group: indent its keys below it ({})", path,
                                      fmt::join(keys_of(entry.instance->scope()), ", ")));
  } else if (fill(entry.instance->scope(), path, at, value)) {
    std::vector<Entry> entries;
    entries.push_back(std::move(entry));
    frame.parts.push_back({&part, std::move(entries)});
  }
}

void YamlWalk::count(const Part& part, const std::string& path, Place at, std::size_t entries) {
  const std::string noun = part.noun.empty() ? "entry" : part.noun;
  if (entries < part.low) {
    problem(at, fmt::format("{}: at least {} {}{} wanted", path, part.low, noun,
                            part.low == 1 ? " is" : "s are"));
  } else if (entries > part.high) {
    problem(at, fmt::format("{}: {} {}s are too many: at most {}", path, entries, noun, part.high));
  }
}

void YamlWalk::items(Frame& frame, const Part& part, const std::string& path, Place at,
                     const YAML::Node& value) {
  std::vector<Entry> entries;
  if (value.IsNull()) {
    problem(at, fmt::format("{}: the value is missing; write [] for no {}", path, part.noun));
    return;
  }
  if (value.IsScalar() && !part.shorthand.empty()) {
    item(part, path + "[0]", value, entries);
  } else if (!value.IsSequence()) {
    problem(value.Mark(), fmt::format("{}: a list of {}s is wanted here, not a {}", path, part.noun,
                                      kind_of(value)));
    return;
  } else {
    count(part, path, at, value.size());
    if (value.size() > part.high) return;
    std::size_t index = 0;
    // yaml-cpp gives an empty item the place of what follows it, so the list's is named.
    for (const YAML::Node& node : value) {
      if (!spend(place_of(node.Mark()))) return;
      const std::string inside = fmt::format("{}[{}]", path, index++);
      if (node.IsNull()) {
        problem(at, fmt::format("{}: the item is empty", inside));
      } else {
        item(part, inside, node, entries);
      }
    }
  }
  frame.parts.push_back({&part, std::move(entries)});
}

void YamlWalk::item(const Part& part, const std::string& path, const YAML::Node& value,
                    std::vector<Entry>& entries) {
  const Place at = place_of(value.Mark());
  content_.places.note(path, at);
  const bool is_short = value.IsScalar() && !part.shorthand.empty();
  if (!value.IsMap() && !is_short) {
    const std::string_view wanted = part.shorthand.empty() ? "a map is wanted here (key: value)"
                                                           : "a map or one value is wanted here";
    problem(at, fmt::format("{}: {}, not a {}", path, wanted, kind_of(value)));
    return;
  }
  Entry entry{{}, {}, part.make()};
  const Scope& scope = entry.instance->scope();
  if (!is_short) {
    if (fill(scope, path, at, value)) entries.push_back(std::move(entry));
    return;
  }
  const Option& option = *scope.table().by_path(part.shorthand);
  const std::size_t before = found_.size();
  Frame frame{.scope = scope, .path = path, .place = at};
  frame.present.emplace(option.path, at);
  content_.places.note(path + "." + option.path, at);
  if (auto parsed = parse(option, value)) {
    frame.assignments.push_back({&option, *std::move(parsed), {}});
  } else {
    problem(at, fmt::format("{}: {}", path, parsed.error().what));
  }
  if (settle(frame, before)) entries.push_back(std::move(entry));
}

bool YamlWalk::fresh_key(const Part& part, const std::string& path, const YAML::Node& key,
                         std::set<std::string>& seen) {
  if (!key.IsScalar()) {
    problem(key.Mark(), "a key must be a plain word");
    return false;
  }
  if (auto fine = part.key_check(key.Scalar()); !fine) {
    problem(key.Mark(), fmt::format("{}: {}", path, fine.error()));
    return false;
  }
  if (!seen.insert(key.Scalar()).second) {
    problem(key.Mark(),
            fmt::format("{} is set twice; keep one", in_quotes(path + "." + key.Scalar())));
    return false;
  }
  return true;
}

void YamlWalk::names(Frame& frame, const Part& part, const std::string& path, Place at,
                     const YAML::Node& value) {
  if (!value.IsMap()) {
    problem(value.IsNull() ? at : place_of(value.Mark()),
            value.IsNull()
                ? fmt::format("{}: the value is missing; write {{}} for no {}", path, part.noun)
                : fmt::format("{}: a map of {}s by their names is wanted here, not a {}", path,
                              part.noun, kind_of(value)));
    return;
  }
  count(part, path, at, value.size());
  if (value.size() > part.high) return;
  std::set<std::string> seen;
  std::vector<Entry> entries;
  for (const auto& pair : value) {
    const Place here = place_of(pair.first.Mark());
    if (!spend(here)) return;
    if (!fresh_key(part, path, pair.first, seen)) continue;
    const std::string& name = pair.first.Scalar();
    const std::string inside = fmt::format("{}.{}", path, name);
    if (frame.path.empty()) names_[part.path].push_back(name);
    content_.places.note(inside, here);
    if (!pair.second.IsMap() && !pair.second.IsNull()) {
      problem(pair.second.Mark(), fmt::format("{}: a map is wanted here (key: value), not a {}",
                                              inside, kind_of(pair.second)));
      continue;
    }
    Entry entry{name, {}, part.make()};
    if (fill(entry.instance->scope(), inside, here, pair.second)) {
      entries.push_back(std::move(entry));
    }
  }
  frame.parts.push_back({&part, std::move(entries)});
}

void YamlWalk::texts(Frame& frame, const Part& part, const std::string& path, Place at,
                     const YAML::Node& value) {
  if (!value.IsMap()) {
    problem(value.IsNull() ? at : place_of(value.Mark()),
            value.IsNull() ? fmt::format("{}: the value is missing; write {{}} for none", path)
                           : fmt::format("{}: a map is wanted here (key: value), not a {}", path,
                                         kind_of(value)));
    return;
  }
  count(part, path, at, value.size());
  if (value.size() > part.high) return;
  std::set<std::string> seen;
  std::vector<Entry> entries;
  for (const auto& pair : value) {
    const Place here = place_of(pair.first.Mark());
    if (!spend(here)) return;
    if (!fresh_key(part, path, pair.first, seen)) continue;
    const std::string inside = path + "." + pair.first.Scalar();
    const YAML::Node& node = pair.second;
    if (!node.IsScalar()) {
      problem(node.IsNull() ? here : place_of(node.Mark()),
              node.IsNull()
                  ? fmt::format("{}: the value is missing; write \"\" for an empty text", inside)
                  : fmt::format("{}: one value is wanted here, not a {}", inside, kind_of(node)));
      continue;
    }
    content_.places.note(inside, place_of(node.Mark()));
    if (!is_printable_utf8(node.Scalar())) {
      problem(node.Mark(), fmt::format("{}: {} is not UTF-8 text without control characters",
                                       inside, in_quotes(node.Scalar())));
    } else if (auto fine = part.text_check ? part.text_check(node.Scalar())
                                           : std::expected<void, std::string>();
               !fine) {
      problem(node.Mark(), fmt::format("{}: {}", inside, fine.error()));
    } else {
      entries.push_back({pair.first.Scalar(), node.Scalar(), nullptr});
    }
  }
  frame.parts.push_back({&part, std::move(entries)});
}

}  // namespace finack::config
