#pragma once
#include "config/option_table.h"
#include "finack/server/settings.h"

namespace finack::app {

/// Adds a row for every field of the server's settings, bound to `settings`, which must outlive the
/// table. Defaults are what the settings hold now.
void server_rows(config::OptionTable& table, server::Settings& settings);

}  // namespace finack::app
