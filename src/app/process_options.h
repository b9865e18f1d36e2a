#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "config/option_table.h"
#include "finack/app/process_options.h"

namespace finack::app {

/// Where a command's file says what to listen on: by `listen`, or by a list of its own, so that
/// `listen` is a flag and a variable alone.
enum class ListenRow : std::uint8_t { in_files, flag_only };

/// Adds the rows of a serving process, bound to `options`, which must outlive the table.
void process_rows(config::OptionTable& table, ProcessOptions& options,
                  ListenRow listen = ListenRow::in_files);

/// Whether the text names something to listen on; the error is half a sentence. Only the form is
/// looked at: whether the address can be bound shows at start.
std::expected<void, std::string> check_listen(std::string_view text);

}  // namespace finack::app
