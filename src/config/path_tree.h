#pragma once
#include <string>
#include <vector>

#include "config/scope.h"

namespace finack::config {

/// A scope's keys in its order: a group with children, or a leaf with its row or part.
struct PathNode {
  std::string key;
  const Option* option = nullptr;
  const Part* part = nullptr;
  std::vector<PathNode> children;
};

/// The root has no key. Rows without a path are not in it; parts are not looked into.
PathNode path_tree(const Scope& scope);

}  // namespace finack::config
