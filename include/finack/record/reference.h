#pragma once
#include <string>

#include "finack/record/explain.h"

namespace finack::record {

/// docs/endings.md as generated from the tables: how to read an ending, every closed list with its
/// words, the causes by family, each cause's and finding's explanation. Any thread.
std::string endings_reference_markdown(Lang lang);

}  // namespace finack::record
