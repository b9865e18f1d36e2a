#pragma once
#include <string>

#include "config/resolved.h"

namespace finack::config {

/// Complete YAML of every setting that files can hold, each with a comment that says where its
/// value came from. read_yaml() of it gives the same values.
std::string print_config(const Resolved& resolved);

}  // namespace finack::config
