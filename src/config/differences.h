#pragma once
#include <string>
#include <vector>

#include "config/scope.h"

namespace finack::config {

/// Paths, below `path`, of what two structs of one kind hold differently; both scopes describe the
/// structs as they are. Of a list or map whose entries are others the path of the whole.
std::vector<std::string> differences(const Scope& before, const Scope& after,
                                     const std::string& path);

}  // namespace finack::config
