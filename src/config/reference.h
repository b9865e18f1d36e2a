#pragma once
#include <string>
#include <string_view>

#include "config/option_table.h"
#include "config/scope.h"

namespace finack::config {

/// The reference page in Markdown: how values are written, and one table per group. `title` is the
/// page's heading.
std::string configuration_reference_markdown(const OptionTable& table, std::string_view title);

/// The same for a whole file: the flags, then one table for each scope inside of the root.
std::string configuration_reference_markdown(const Scope& root, std::string_view title);

/// The text of --help: `usage` line, description, then every group's flags with default and bounds.
std::string help_text(const OptionTable& table, std::string_view usage,
                      std::string_view description);

}  // namespace finack::config
