#pragma once
#include <yaml-cpp/yaml.h>

#include <expected>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/scope.h"
#include "config/yaml_reader.h"

namespace finack::config {

/// Walks a document along a scope's keys. What the scope does not know is never descended into, so
/// aliases that recurse cost nothing; those that multiply meet a limit.
class YamlWalk {
 public:
  explicit YamlWalk(FileContent& content) : content_(content) {}

  /// `document` is a map or nothing. Throws what yaml-cpp throws.
  void root(const YAML::Node& document, const Scope& scope);
  void problem(const YAML::Mark& mark, std::string what);
  /// What can be said only at the end; puts the problems into the file's order.
  void finish();

 private:
  static Place place_of(const YAML::Mark& mark);
  /// "map", "list" or "value".
  static std::string_view kind_of(const YAML::Node& node);

  /// A scope that is being read.
  struct Frame {
    const Scope& scope;
    std::string path;  ///< From the root; empty for the root itself.
    Place place;       ///< Where what is missing in it is reported.
    std::map<std::string, Place> present = {};
    std::vector<Assignment> assignments = {};
    std::vector<StagedPart> parts = {};
  };
  struct Found {
    Place place;
    std::string what;
  };
  /// A value that names an entry of a part of the root.
  struct Named {
    Place place;
    std::string path, name, target;
  };
  struct Refusal {
    Place place;
    std::string what;
  };

  void problem(Place place, std::string what) { found_.push_back({place, std::move(what)}); }
  /// False, and once a problem: more values than a file may say.
  bool spend(Place place, std::size_t values = 1);

  // Keys of a scope.
  void map(Frame& frame, const YAML::Node& node, const std::string& prefix);
  void entry(Frame& frame, const YAML::Node& key, const YAML::Node& value, const std::string& local,
             const std::string& prefix);
  void setting(Frame& frame, const Option& option, const YAML::Node& key, const YAML::Node& value);
  static std::expected<Value, Refusal> parse(const Option& option, const YAML::Node& value);
  void unknown(const Frame& frame, const YAML::Node& key, const std::string& local,
               const std::string& prefix);

  // Parts.
  void part(Frame& frame, const Part& part, const YAML::Node& key, const YAML::Node& value);
  void one(Frame& frame, const Part& part, const std::string& path, Place at,
           const YAML::Node& value);
  void items(Frame& frame, const Part& part, const std::string& path, Place at,
             const YAML::Node& value);
  void item(const Part& part, const std::string& path, const YAML::Node& value,
            std::vector<Entry>& entries);
  void names(Frame& frame, const Part& part, const std::string& path, Place at,
             const YAML::Node& value);
  void texts(Frame& frame, const Part& part, const std::string& path, Place at,
             const YAML::Node& value);
  void count(const Part& part, const std::string& path, Place at, std::size_t entries);
  bool fresh_key(const Part& part, const std::string& path, const YAML::Node& key,
                 std::set<std::string>& seen);

  /// Fills an entry's struct. False: something was wrong.
  bool fill(const Scope& scope, const std::string& path, Place at, const YAML::Node& value);
  void demand(const Frame& frame);
  void choose(const Frame& frame, const Choice& choice);
  void note_references(const Frame& frame);
  bool settle(Frame& frame, std::size_t problems_before);
  void resolve(const Named& named);

  FileContent& content_;
  std::vector<Found> found_;
  std::vector<Named> named_;
  std::map<std::string, std::vector<std::string>> names_;  ///< Of the root's named parts.
  std::map<std::string, std::string> nouns_;               ///< Of the root's parts.
  std::size_t values_ = 0;
};

}  // namespace finack::config
