#include "config/yaml_walk.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/suggest.h"
#include "config/value_text.h"

namespace finack::config {
namespace {

constexpr std::size_t kMostValues = 100'000;
/// Guessing costs time, and a file of a million strange keys shall be refused quickly.
constexpr std::size_t kMostGuesses = 100;

std::string join(const std::string& prefix, const std::string& key) {
  return prefix.empty() ? key : prefix + "." + key;
}

/// "timeouts.head" as a file writes it: "timeouts: {head: ...}".
std::string nested(std::string_view path) {
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return fmt::format("{}: ...", path);
  return fmt::format("{}: {{{}}}", path.substr(0, dot), nested(path.substr(dot + 1)));
}

/// The keys directly below a path of a scope; empty when it is no group.
std::vector<std::string> keys_below(const Scope& scope, const std::string& path) {
  const std::string start = path.empty() ? "" : path + ".";
  std::vector<std::string> keys;
  for (const Option& option : scope.table().options()) {
    if (option.path.empty() || !option.path.starts_with(start)) continue;
    std::string key = option.path.substr(start.size());
    key.resize(std::min(key.find('.'), key.size()));
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
  }
  if (path.empty()) {
    for (const Part& part : scope.parts()) keys.push_back(part.path);
  }
  return keys;
}

/// For a key in a wrong place: a flag's name, a whole path, or the last word of one.
std::string elsewhere(const Scope& scope, const std::string& key) {
  for (const Option& option : scope.table().options()) {
    const bool same = option.name == key || option.path == key || option.path.ends_with("." + key);
    if (same && !option.path.empty()) {
      return fmt::format("; did you mean '{}'?", nested(option.path));
    }
  }
  for (const Part& part : scope.parts()) {
    if (part.kind != PartKind::group && part.kind != PartKind::section) continue;
    const auto inside = part.make();
    if (inside->scope().table().by_path(key) != nullptr || inside->scope().part(key) != nullptr) {
      return fmt::format("; did you mean '{}'?", nested(part.path + "." + key));
    }
  }
  return {};
}

}  // namespace

// yaml-cpp counts from 0, and marks by -1 what has no place (an empty document).
Place YamlWalk::place_of(const YAML::Mark& mark) {
  return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1};
}

std::string_view YamlWalk::kind_of(const YAML::Node& node) {
  if (node.IsMap()) return "map";
  return node.IsSequence() ? "list" : "value";
}

void YamlWalk::problem(const YAML::Mark& mark, std::string what) {
  problem(place_of(mark), std::move(what));
}

bool YamlWalk::spend(Place place, std::size_t values) {
  const bool before = values_ <= kMostValues;
  values_ += values;
  if (before && values_ > kMostValues) {
    problem(place, fmt::format("the file says more than {} values, aliases counted each time",
                               kMostValues));
  }
  return values_ <= kMostValues;
}

void YamlWalk::root(const YAML::Node& document, const Scope& scope) {
  Frame frame{.scope = scope, .path = {}, .place = {}};
  for (const Part& part : scope.parts()) nouns_[part.path] = part.noun;
  if (document.IsMap()) map(frame, document, "");
  demand(frame);
  note_references(frame);
  content_.assignments = std::move(frame.assignments);
  content_.parts = std::move(frame.parts);
}

void YamlWalk::map(Frame& frame, const YAML::Node& node, const std::string& prefix) {
  std::set<std::string> seen;
  for (const auto& pair : node) {
    const YAML::Node& key = pair.first;
    if (!spend(place_of(key.Mark()))) return;
    if (!key.IsScalar()) {
      problem(key.Mark(), "a key must be a plain word");
      continue;
    }
    const std::string local = join(prefix, key.Scalar());
    if (!seen.insert(key.Scalar()).second) {
      problem(key.Mark(),
              fmt::format("{} is set twice; keep one", in_quotes(join(frame.path, local))));
      continue;
    }
    entry(frame, key, pair.second, local, prefix);
  }
}

void YamlWalk::entry(Frame& frame, const YAML::Node& key, const YAML::Node& value,
                     const std::string& local, const std::string& prefix) {
  // A dotted key would be a second way to write, and to repeat, a setting.
  if (key.Scalar().find('.') != std::string::npos) {
    unknown(frame, key, local, prefix);
    return;
  }
  if (const Option* option = frame.scope.table().by_path(local)) {
    setting(frame, *option, key, value);
    return;
  }
  if (const Part* known = frame.scope.part(local)) {
    part(frame, *known, key, value);
    return;
  }
  const std::vector<std::string> inside = keys_below(frame.scope, local);
  if (inside.empty()) {
    unknown(frame, key, local, prefix);
  } else if (value.IsMap()) {
    content_.places.note(join(frame.path, local), place_of(key.Mark()));
    map(frame, value, local);
  } else if (!value.IsNull()) {
    problem(value.Mark(), fmt::format("{} is a group: indent its keys below it ({})",
                                      join(frame.path, local), fmt::join(inside, ", ")));
  }
}

void YamlWalk::setting(Frame& frame, const Option& option, const YAML::Node& key,
                       const YAML::Node& value) {
  const std::string path = join(frame.path, option.path);
  const Place place = place_of(value.IsNull() ? key.Mark() : value.Mark());
  frame.present.emplace(option.path, place_of(key.Mark()));
  content_.places.note(path, place);
  if (value.IsSequence() && !spend(place, value.size())) return;
  auto parsed = parse(option, value);
  if (!parsed) {
    problem(value.IsNull() ? place : parsed.error().place,
            fmt::format("{}: {}", path, parsed.error().what));
    return;
  }
  frame.assignments.push_back({&option, *std::move(parsed),
                               fmt::format("{}:{}:{}", content_.places.file_name(),
                                           key.Mark().line + 1, key.Mark().column + 1)});
}

std::expected<Value, YamlWalk::Refusal> YamlWalk::parse(const Option& option,
                                                        const YAML::Node& value) {
  const auto refuse = [](const YAML::Node& node, std::string what) {
    return std::unexpected(Refusal{place_of(node.Mark()), std::move(what)});
  };
  const auto checked =
      [&](const YAML::Node& node,
          std::expected<Value, std::string> result) -> std::expected<Value, Refusal> {
    if (!result) return refuse(node, std::move(result.error()));
    return *std::move(result);
  };
  if (value.IsNull()) {
    std::string what = "the value is missing";
    if (option.type == OptionType::list) what += "; write [] for an empty list";
    if (option.type == OptionType::text) what += "; write \"\" for an empty text";
    return refuse(value, std::move(what));
  }
  if (value.IsScalar()) return checked(value, parse_value(option, value.Scalar()));
  if (value.IsMap() || option.type != OptionType::list) {
    return refuse(value,
                  fmt::format("one {} is wanted here, not a {}",
                              option.type == OptionType::list ? "list" : "value", kind_of(value)));
  }
  std::vector<std::string> items;
  for (const YAML::Node& item : value) {
    if (!item.IsScalar()) return refuse(item, "its items must be plain texts");
    if (auto one = parse_items(option, {item.Scalar()}); !one) {
      return refuse(item, std::move(one.error()));
    }
    items.push_back(item.Scalar());
  }
  return checked(value, parse_items(option, std::move(items)));
}

void YamlWalk::unknown(const Frame& frame, const YAML::Node& key, const std::string& local,
                       const std::string& prefix) {
  std::string hint;
  if (found_.size() < kMostGuesses) {
    hint = did_you_mean(key.Scalar(), keys_below(frame.scope, prefix));
    if (hint.empty()) hint = elsewhere(frame.scope, key.Scalar());
  }
  problem(key.Mark(), fmt::format("unknown key {}{}", in_quotes(join(frame.path, local)), hint));
}

void YamlWalk::finish() {
  for (const Named& named : named_) resolve(named);
  std::ranges::stable_sort(found_, {}, &Found::place);
  for (Found& found : found_) {
    content_.problems.push_back(
        {fmt::format("{}:{}:{}", content_.places.file_name(), found.place.line, found.place.column),
         std::move(found.what)});
  }
  found_.clear();
}

void YamlWalk::resolve(const Named& named) {
  const std::vector<std::string>& known = names_[named.target];
  if (std::ranges::find(known, named.name) != known.end()) return;
  const std::string& noun = nouns_[named.target];
  std::string hint;
  if (found_.size() < kMostGuesses) hint = did_you_mean(named.name, known);
  if (known.empty()) {
    hint = fmt::format("; the file defines no {}", noun);
  } else if (hint.empty()) {
    constexpr std::size_t kShown = 10;
    const auto shown = static_cast<std::ptrdiff_t>(std::min(known.size(), kShown));
    hint = fmt::format("; the file defines {}{}",
                       fmt::join(known.begin(), known.begin() + shown, ", "),
                       known.size() > kShown ? ", ..." : "");
  }
  problem(named.place,
          fmt::format("{}: there is no {} {}{}", named.path, noun, in_quotes(named.name), hint));
}

void YamlWalk::note_references(const Frame& frame) {
  for (const Assignment& assignment : frame.assignments) {
    const Reference* reference = frame.scope.reference(assignment.option->path);
    if (reference == nullptr) continue;
    const std::string path = join(frame.path, reference->path);
    const auto& name = std::get<std::string>(assignment.value);
    if (!name.empty()) {
      named_.push_back({content_.places.at(path), path, name, reference->target});
    }
  }
}

void YamlWalk::choose(const Frame& frame, const Choice& choice) {
  std::vector<std::pair<Place, std::string>> chosen;
  for (const std::string& key : choice.keys) {
    const auto found = frame.present.find(key);
    if (found != frame.present.end()) chosen.emplace_back(found->second, key);
  }
  const auto last = choice.keys.end() - 1;
  const std::string who = frame.path.empty() ? "the file" : frame.path;
  if (chosen.empty() && choice.needed) {
    problem(frame.place, fmt::format("{}: one of {} or {} is wanted", who,
                                     fmt::join(choice.keys.begin(), last, ", "), *last));
  }
  std::ranges::sort(chosen);
  for (std::size_t i = 1; i < chosen.size(); ++i) {
    problem(chosen[i].first,
            fmt::format("{}: {} has {} already; keep one of {} and {}",
                        join(frame.path, chosen[i].second), who, chosen.front().second,
                        fmt::join(choice.keys.begin(), last, ", "), *last));
  }
}

void YamlWalk::demand(const Frame& frame) {
  const auto missing = [&](const std::string& key) {
    problem(frame.place, frame.path.empty() ? fmt::format("{} is missing", key)
                                            : fmt::format("{}: {} is missing", frame.path, key));
  };
  // What the root's rows lack, a flag or a variable may give.
  if (!frame.path.empty()) {
    for (const Option& option : frame.scope.table().options()) {
      if (is_required(option) && !frame.present.contains(option.path) &&
          !frame.scope.is_choice(option.path)) {
        missing(option.path);
      }
    }
  }
  for (const Part& part : frame.scope.parts()) {
    if (part.low > 0 && !frame.present.contains(part.path) && !frame.scope.is_choice(part.path) &&
        part.held().empty()) {
      missing(part.path);
    }
  }
  for (const Choice& choice : frame.scope.choices()) choose(frame, choice);
}

bool YamlWalk::settle(Frame& frame, std::size_t problems_before) {
  demand(frame);
  note_references(frame);
  if (found_.size() != problems_before) return false;
  for (const Assignment& assignment : frame.assignments) assignment.option->store(assignment.value);
  for (StagedPart& staged : frame.parts) staged.part->take(std::move(staged.entries));
  const Report report = [&](std::string_view path, std::string what) {
    std::string full = path.empty() ? frame.path : join(frame.path, std::string(path));
    const Place place = content_.places.at(full);
    problem(place, fmt::format("{}: {}", full, what));
  };
  for (const auto& check : frame.scope.checks()) check(report);
  return found_.size() == problems_before;
}

bool YamlWalk::fill(const Scope& scope, const std::string& path, Place at,
                    const YAML::Node& value) {
  const std::size_t before = found_.size();
  Frame frame{.scope = scope, .path = path, .place = at};
  if (value.IsMap()) map(frame, value, "");
  return settle(frame, before);
}

}  // namespace finack::config
