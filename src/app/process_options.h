#pragma once
#include "config/option_table.h"
#include "finack/app/process_options.h"

namespace finack::app {

/// Adds the rows of a serving process, bound to `options`, which must outlive the table.
void process_rows(config::OptionTable& table, ProcessOptions& options);

}  // namespace finack::app
