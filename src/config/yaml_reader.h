#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"
#include "config/places.h"
#include "config/resolved.h"
#include "config/scope.h"

namespace finack::config {

/// What the file says of one part of the root scope.
struct StagedPart {
  const Part* part = nullptr;
  std::vector<Entry> entries;
};

/// What a configuration file says. Use it only when there is no problem.
struct FileContent {
  std::vector<Assignment> assignments;  ///< Of the root scope's rows.
  std::vector<StagedPart> parts;
  std::vector<Problem> problems;  ///< All of the file, in its order.
  Places places;

  /// Moves what the parts hold into the fields they are bound to; assignments are for Resolved.
  void apply_parts();
};

/// Reads YAML: one document, a map of the root's keys. Refused with their position: unknown and
/// repeated keys, values of a wrong type or out of bounds, missing keys, names that nothing in the
/// file has, a second document, more than 1 MiB, or more than 100 000 values, counting an alias
/// each time. Anchors and aliases are fine; an empty document sets nothing. No exception leaves it.
/// No field changes.
FileContent read_yaml(const Scope& root, std::string_view text, std::string_view file_name);
FileContent read_yaml(const OptionTable& table, std::string_view text, std::string_view file_name);

/// The same for a file; one that cannot be read is a problem, too.
FileContent read_yaml_file(const Scope& root, const std::string& path);
FileContent read_yaml_file(const OptionTable& table, const std::string& path);

}  // namespace finack::config
