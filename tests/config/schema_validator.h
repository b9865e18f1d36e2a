#pragma once
#include <yaml-cpp/yaml.h>

#include <regex>
#include <set>
#include <string>

namespace finack::config {

/// As much of JSON Schema (draft 2020-12) as our schemas use, for data in YAML. Returns "" or the
/// first thing that is wrong. A keyword it does not know is an error, so that none is skipped.
class SchemaValidator {
 public:
  static std::string check(const YAML::Node& schema, const YAML::Node& data,
                           const std::string& path = "$") {
    static const std::set<std::string> kKnown = {"$schema",
                                                 "title",
                                                 "description",
                                                 "default",
                                                 "type",
                                                 "enum",
                                                 "minimum",
                                                 "maximum",
                                                 "pattern",
                                                 "minLength",
                                                 "items",
                                                 "minItems",
                                                 "maxItems",
                                                 "properties",
                                                 "additionalProperties",
                                                 "required",
                                                 "propertyNames",
                                                 "minProperties",
                                                 "maxProperties",
                                                 "allOf",
                                                 "anyOf",
                                                 "oneOf",
                                                 "not"};
    for (const auto& keyword : schema) {
      if (!kKnown.contains(keyword.first.Scalar())) return "keyword " + keyword.first.Scalar();
    }
    for (const auto& part : {types(schema, data), scalars(schema, data), arrays(schema, data, path),
                             objects(schema, data, path), combinations(schema, data, path)}) {
      if (!part.empty()) return part.starts_with("$") ? part : path + ": " + part;
    }
    return "";
  }

 private:
  static bool is(const std::string& type, const YAML::Node& data) {
    if (type == "null") return data.IsNull();
    if (type == "object") return data.IsMap();
    if (type == "array") return data.IsSequence();
    if (!data.IsScalar()) return false;
    const bool quoted = data.Tag() == "!";
    const std::string text = data.Scalar();
    const bool boolean = !quoted && (text == "true" || text == "false");
    const bool integer = !quoted && std::regex_match(text, std::regex("-?[0-9]+"));
    const bool number =
        integer || (!quoted && std::regex_match(text, std::regex("[0-9]+\\.[0-9]+")));
    if (type == "boolean") return boolean;
    if (type == "integer") return integer;
    if (type == "number") return number;
    return !boolean && !number;
  }

  static std::string types(const YAML::Node& schema, const YAML::Node& data) {
    const YAML::Node type = schema["type"];
    if (!type) return "";
    if (type.IsScalar()) return is(type.Scalar(), data) ? "" : "is no " + type.Scalar();
    for (const auto& one : type) {
      if (is(one.Scalar(), data)) return "";
    }
    return "has a wrong type";
  }

  static std::string scalars(const YAML::Node& schema, const YAML::Node& data) {
    if (!data.IsScalar()) return "";
    const std::string text = data.Scalar();
    if (schema["enum"]) {
      for (const auto& word : schema["enum"]) {
        if (word.Scalar() == text) return "";
      }
      return "is none of the words";
    }
    if (is("integer", data)) {
      const double number = std::stod(text);
      if (schema["minimum"] && number < schema["minimum"].as<double>()) return "is too small";
      if (schema["maximum"] && number > schema["maximum"].as<double>()) return "is too large";
      return "";
    }
    if (schema["minLength"] && text.size() < schema["minLength"].as<std::size_t>()) {
      return "is too short";
    }
    if (schema["pattern"] && !std::regex_search(text, std::regex(schema["pattern"].Scalar()))) {
      return "does not fit the pattern";
    }
    return "";
  }

  static std::string arrays(const YAML::Node& schema, const YAML::Node& data,
                            const std::string& path) {
    if (!data.IsSequence()) return "";
    if (schema["minItems"] && data.size() < schema["minItems"].as<std::size_t>()) return "too few";
    if (schema["maxItems"] && data.size() > schema["maxItems"].as<std::size_t>()) return "too many";
    for (std::size_t i = 0; schema["items"] && i < data.size(); ++i) {
      const std::string wrong =
          check(schema["items"], data[i], path + "[" + std::to_string(i) + "]");
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  static std::string objects(const YAML::Node& schema, const YAML::Node& data,
                             const std::string& path) {
    if (!data.IsMap()) return "";
    for (const auto& key : schema["required"]) {
      if (!data[key.Scalar()]) return key.Scalar() + " is missing";
    }
    for (const auto& pair : data) {
      const std::string& key = pair.first.Scalar();
      const YAML::Node names = schema["propertyNames"];
      if (names && !std::regex_search(key, std::regex(names["pattern"].Scalar()))) {
        return key + " is no name";
      }
      YAML::Node inside;
      if (schema["properties"] && schema["properties"][key]) {
        inside.reset(schema["properties"][key]);
      } else if (const YAML::Node more = schema["additionalProperties"]) {
        if (more.IsScalar()) return key + " is unknown";
        inside.reset(more);
      } else {
        continue;
      }
      const std::string wrong = check(inside, pair.second, path + "." + key);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  static std::size_t fitting(const YAML::Node& schemas, const YAML::Node& data) {
    std::size_t count = 0;
    for (const auto& schema : schemas) count += check(schema, data).empty() ? 1 : 0;
    return count;
  }

  static std::string combinations(const YAML::Node& schema, const YAML::Node& data,
                                  const std::string& path) {
    for (const auto& one : schema["allOf"]) {
      const std::string wrong = check(one, data, path);
      if (!wrong.empty()) return wrong;
    }
    if (schema["anyOf"] && fitting(schema["anyOf"], data) == 0) return "fits none of anyOf";
    if (schema["oneOf"] && fitting(schema["oneOf"], data) != 1) return "does not fit one of oneOf";
    if (schema["not"] && check(schema["not"], data).empty()) return "fits what it must not";
    return "";
  }
};

}  // namespace finack::config
