#pragma once
#include <cstddef>
#include <vector>

#include "gateway/listener_settings.h"
#include "server/server.h"

namespace finack::cli {

/// A listener of a gateway's file as the server takes it. Everything is carried over; of the
/// server's settings only loop_blocked is the process's own (ServeSettings) and stays at its
/// default. `index`: its place among the file's listeners, which evidence names.
server::ListenerOptions listener_options(const gateway::ListenerSettings& listener,
                                         std::size_t index);
std::vector<server::ListenerOptions> listener_options(
    const std::vector<gateway::ListenerSettings>& listeners);

}  // namespace finack::cli
