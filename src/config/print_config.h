#pragma once
#include <string>
#include <vector>

#include "config/places.h"
#include "config/resolved.h"
#include "config/scope.h"

namespace finack::config {

/// Complete YAML of every setting that files can hold, each with a comment that says where its
/// value came from. read_yaml() of it gives the same values.
std::string print_config(const Resolved& resolved);
/// The same for a whole file: the root's rows as resolved, its parts as their fields are now.
/// `places` are those of the file that filled them, if any.
std::string print_config(const Resolved& resolved, const Scope& root, const Places& places);

/// One sentence for each setting inside of the root's parts that is 0 where that is dangerous. Of
/// the root's rows Resolved::warnings speaks.
std::vector<std::string> part_warnings(const Scope& root, const Places& places);

}  // namespace finack::config
