#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"
#include "config/resolved.h"

namespace finack::config {

/// What a configuration file says. Use the assignments only when there is no problem.
struct FileContent {
  std::vector<Assignment> assignments;
  std::vector<Problem> problems;  ///< All of the file, in its order.
};

/// Reads YAML: one document, a map of the table's paths. Refused with their position: unknown and
/// repeated keys, values of a wrong type or out of bounds, a second document, more than 1 MiB.
/// Anchors and aliases are fine; an empty document sets nothing. No exception leaves it.
FileContent read_yaml(const OptionTable& table, std::string_view text, std::string_view file_name);

/// The same for a file; one that cannot be read is a problem, too.
FileContent read_yaml_file(const OptionTable& table, const std::string& path);

}  // namespace finack::config
