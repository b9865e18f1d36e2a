#pragma once
#include <string>
#include <vector>

#include "config/option_table.h"
#include "config/resolved.h"

namespace finack::config {

/// Variables as "NAME=value"; tests hand in their own.
using Environment = std::vector<std::string>;

/// This process's variables. Call it before threads that might change them exist.
Environment process_environment();

struct EnvironmentContent {
  std::vector<Assignment> assignments;
  std::vector<Problem> problems;
  /// Variables that are nearly the name of a row. Not refused: another command or a
  /// deployment may own them.
  std::vector<std::string> warnings;
};

/// Reads the rows' variables; others are left alone. A list is separated by commas.
EnvironmentContent read_environment(const OptionTable& table, const Environment& environment);

}  // namespace finack::config
