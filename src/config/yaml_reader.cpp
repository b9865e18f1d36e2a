#include "config/yaml_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>

#include "config/suggest.h"
#include "config/value_text.h"

namespace finack::config {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

/// Walks a document along the table's paths; what the table does not know is never descended into,
/// so aliases that multiply or recurse cost nothing.
class Walk {
 public:
  Walk(const OptionTable& table, std::string_view file_name, FileContent& content)
      : table_(table), file_name_(file_name), content_(content) {}

  void map(const YAML::Node& node, const std::string& prefix) {
    std::set<std::string> seen;
    for (const auto& pair : node) {
      const YAML::Node& key = pair.first;
      if (!key.IsScalar()) {
        problem(key.Mark(), "a key must be a plain word");
        continue;
      }
      const std::string path = prefix.empty() ? key.Scalar() : prefix + "." + key.Scalar();
      if (!seen.insert(key.Scalar()).second) {
        problem(key.Mark(), fmt::format("{} is set twice; keep one", in_quotes(path)));
        continue;
      }
      entry(key, pair.second, path, prefix);
    }
  }

  void problem(const YAML::Mark& mark, std::string what) {
    // yaml-cpp counts from 0, and marks by -1 what has no place (an empty document).
    const int line = std::max(mark.line, 0) + 1;
    const int column = std::max(mark.column, 0) + 1;
    content_.problems.push_back(
        {fmt::format("{}:{}:{}", file_name_, line, column), std::move(what)});
  }

 private:
  void entry(const YAML::Node& key, const YAML::Node& value, const std::string& path,
             const std::string& prefix) {
    // A dotted key would be a second way to write, and to repeat, a setting.
    if (key.Scalar().find('.') != std::string::npos) {
      unknown(key, path, prefix);
      return;
    }
    if (const Option* option = table_.by_path(path)) {
      setting(*option, key, value);
      return;
    }
    const std::vector<std::string> inside = keys_below(path);
    if (inside.empty()) {
      unknown(key, path, prefix);
    } else if (value.IsMap()) {
      map(value, path);
    } else if (!value.IsNull()) {
      problem(value.Mark(), fmt::format("{} is a group: indent its keys below it ({})", path,
                                        fmt::join(inside, ", ")));
    }
  }

  void setting(const Option& option, const YAML::Node& key, const YAML::Node& value) {
    auto parsed = parse(option, value);
    const YAML::Mark mark = value.IsNull() ? key.Mark() : value.Mark();
    if (!parsed) {
      problem(mark, fmt::format("{}: {}", option.path, parsed.error()));
      return;
    }
    content_.assignments.push_back(
        {&option, *std::move(parsed),
         fmt::format("{}:{}:{}", file_name_, key.Mark().line + 1, key.Mark().column + 1)});
  }

  static std::expected<Value, std::string> parse(const Option& option, const YAML::Node& value) {
    if (value.IsNull()) {
      std::string what = "the value is missing";
      if (option.type == OptionType::list) what += "; write [] for an empty list";
      if (option.type == OptionType::text) what += "; write \"\" for an empty text";
      return std::unexpected(std::move(what));
    }
    if (value.IsScalar()) return parse_value(option, value.Scalar());
    if (value.IsMap() || option.type != OptionType::list) {
      return std::unexpected(fmt::format("one {} is wanted here, not a {}",
                                         option.type == OptionType::list ? "list" : "value",
                                         value.IsMap() ? "map" : "list"));
    }
    std::vector<std::string> items;
    for (const YAML::Node& item : value) {
      if (!item.IsScalar()) return std::unexpected(std::string("its items must be plain texts"));
      items.push_back(item.Scalar());
    }
    return parse_items(option, std::move(items));
  }

  /// The keys directly below a path; empty when it is no group.
  std::vector<std::string> keys_below(const std::string& path) const {
    const std::string start = path.empty() ? "" : path + ".";
    std::vector<std::string> keys;
    for (const Option& option : table_.options()) {
      if (option.path.empty() || !option.path.starts_with(start)) continue;
      std::string key = option.path.substr(start.size());
      key.resize(std::min(key.find('.'), key.size()));
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
    }
    return keys;
  }

  void unknown(const YAML::Node& key, const std::string& path, const std::string& prefix) {
    // Guessing costs time, and a file of a million strange keys shall be refused quickly.
    constexpr std::size_t kMostGuesses = 100;
    std::string hint;
    if (content_.problems.size() < kMostGuesses) {
      hint = did_you_mean(key.Scalar(), keys_below(prefix));
      if (hint.empty()) hint = elsewhere(key.Scalar());
    }
    problem(key.Mark(), fmt::format("unknown key {}{}", in_quotes(path), hint));
  }

  /// "timeouts.head" as a file writes it: "timeouts: {head: ...}".
  static std::string nested(std::string_view path) {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return fmt::format("{}: ...", path);
    return fmt::format("{}: {{{}}}", path.substr(0, dot), nested(path.substr(dot + 1)));
  }

  /// For a key in a wrong place: a flag's name, a whole path, or the last word of one.
  std::string elsewhere(const std::string& key) const {
    for (const Option& option : table_.options()) {
      const bool same =
          option.name == key || option.path == key || option.path.ends_with("." + key);
      if (same && !option.path.empty()) {
        return fmt::format("; did you mean '{}'?", nested(option.path));
      }
    }
    return {};
  }

  const OptionTable& table_;
  std::string_view file_name_;
  FileContent& content_;
};

/// Notes where a document starts, and nothing else.
class DocumentStart final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  const YAML::Mark& mark() const { return mark_; }

 private:
  YAML::Mark mark_ = YAML::Mark::null_mark();
};

/// Where a second document starts; the null mark when there is none. Not YAML::LoadAll: outside of
/// brackets yaml-cpp 0.7 takes a "," or "]" for an empty document without moving on, for ever.
YAML::Mark second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStart first;
  DocumentStart second;
  if (parser.HandleNextDocument(first)) parser.HandleNextDocument(second);
  return second.mark();
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

FileContent read_yaml(const OptionTable& table, std::string_view text, std::string_view file_name) {
  FileContent content;
  Walk walk(table, file_name, content);
  if (text.size() > kMaxBytes) {
    walk.problem({}, "the file is larger than 1 MiB");
    return content;
  }
  // A NUL ends the text for yaml-cpp, and what follows would be ignored silently.
  if (text.find('\0') != std::string_view::npos) {
    walk.problem({}, "the file holds a NUL byte: it is no text");
    return content;
  }
  try {
    const YAML::Mark second = second_document(std::string(text));
    const YAML::Node document = YAML::Load(std::string(text));
    if (!second.is_null()) {
      walk.problem(second, "a second document, or a stray bracket or comma: a file holds one map");
    } else if (document.IsMap()) {
      walk.map(document, "");
    } else if (!document.IsNull()) {
      walk.problem(document.Mark(), "a map of settings is wanted here (key: value)");
    }
  } catch (const YAML::Exception& broken) {
    walk.problem(broken.mark, fmt::format("the YAML is broken: {}", broken.msg));
  }
  return content;
}

FileContent read_yaml_file(const OptionTable& table, const std::string& path) {
  const auto failed = [&](int code) {
    return FileContent{{}, {{path, fmt::format("cannot be read: {}", std::strerror(code))}}};
  };
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return failed(errno);
  std::string text(kMaxBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failed(errno);
  return read_yaml(table, text, path);
}

}  // namespace finack::config
