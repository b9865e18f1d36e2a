#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "config/option_table.h"
#include "finack/app/process_options.h"

namespace finack::app {

/// Adds the rows of a serving process, bound to `options`, which must outlive the table.
void process_rows(config::OptionTable& table, ProcessOptions& options);

/// Whether the text names something to listen on; the error is half a sentence. Only the form is
/// looked at: whether the address can be bound shows at start.
std::expected<void, std::string> check_listen(std::string_view text);

}  // namespace finack::app
