#pragma once
#include <string>
#include <vector>

#include "config/option_table.h"

namespace finack::config {

/// The rows by their YAML paths, in the table's order: a group with children, or a leaf with its
/// row.
struct PathNode {
  std::string key;
  const Option* option = nullptr;
  std::vector<PathNode> children;
};

/// The root has no key. Rows without a path are not in it.
PathNode path_tree(const OptionTable& table);

}  // namespace finack::config
