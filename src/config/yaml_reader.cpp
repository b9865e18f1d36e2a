#include "config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include "config/yaml_walk.h"

namespace finack::config {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

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

void walk_text(YamlWalk& walk, const Scope& root, const std::string& text) {
  try {
    const YAML::Mark second = second_document(text);
    const YAML::Node document = YAML::Load(text);
    if (!second.is_null()) {
      walk.problem(second, "a second document, or a stray bracket or comma: a file holds one map");
    } else if (document.IsMap() || document.IsNull()) {
      walk.root(document, root);
    } else {
      walk.problem(document.Mark(), "a map of settings is wanted here (key: value)");
    }
  } catch (const YAML::Exception& broken) {
    walk.problem(broken.mark, fmt::format("the YAML is broken: {}", broken.msg));
  }
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

void FileContent::apply_parts() {
  for (StagedPart& staged : parts) staged.part->take(std::move(staged.entries));
  parts.clear();
}

FileContent read_yaml(const Scope& root, std::string_view text, std::string_view file_name) {
  FileContent content;
  content.places = Places(file_name);
  YamlWalk walk(content);
  if (text.size() > kMaxBytes) {
    walk.problem(YAML::Mark(), "the file is larger than 1 MiB");
  } else if (text.find('\0') != std::string_view::npos) {
    // A NUL ends the text for yaml-cpp, and what follows would be ignored silently.
    walk.problem(YAML::Mark(), "the file holds a NUL byte: it is no text");
  } else {
    walk_text(walk, root, std::string(text));
  }
  walk.finish();
  return content;
}

FileContent read_yaml(const OptionTable& table, std::string_view text, std::string_view file_name) {
  return read_yaml(Scope(table), text, file_name);
}

FileContent read_yaml_file(const Scope& root, const std::string& path) {
  const auto failed = [&](int code) {
    FileContent content;
    content.problems.push_back({path, fmt::format("cannot be read: {}", std::strerror(code))});
    return content;
  };
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return failed(errno);
  std::string text(kMaxBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failed(errno);
  return read_yaml(root, text, path);
}

FileContent read_yaml_file(const OptionTable& table, const std::string& path) {
  return read_yaml_file(Scope(table), path);
}

}  // namespace finack::config
