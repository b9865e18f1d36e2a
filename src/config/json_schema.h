#pragma once
#include <string>
#include <string_view>

#include "config/option_table.h"
#include "config/scope.h"

namespace finack::config {

/// A JSON Schema (draft 2020-12) of the YAML file, for editors. Ends with a newline.
std::string json_schema(const Scope& root, std::string_view title);
std::string json_schema(const OptionTable& table, std::string_view title);

}  // namespace finack::config
