#pragma once
#include <cstdint>

#include "config/option_table.h"
#include "finack/app/process_options.h"

namespace finack::app {

/// Where a command's file says what to listen on: by `listen`, or by a list of its own, so that
/// `listen` is a flag and a variable alone.
enum class ListenRow : std::uint8_t { in_files, flag_only };

/// Adds the rows of a serving process, bound to `options`, which must outlive the table.
void process_rows(config::OptionTable& table, ProcessOptions& options,
                  ListenRow listen = ListenRow::in_files);

}  // namespace finack::app
