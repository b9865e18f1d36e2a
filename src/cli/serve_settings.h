#pragma once
#include <string>
#include <vector>

#include "config/command_line.h"
#include "config/scope.h"
#include "finack/app/process_options.h"
#include "gateway/settings.h"

namespace finack::cli {

/// What `finack serve` is told by its file, flags and variables.
struct ServeSettings {
  app::ProcessOptions process;
  gateway::GatewaySettings gateway;
  std::string admin_host;                              ///< Name of the admin listener; empty: none.
  Nanos loop_blocked = std::chrono::milliseconds(50);  ///< The watchdog's limit; 0: off.
  std::vector<std::string> upstreams;                  ///< --upstream: a gateway without a file.
};

/// The cluster of --upstream.
inline constexpr std::string_view kUpstreamCluster = "upstream";

/// Adds every row and part, bound to `settings`.
void describe_serve(config::Scope& root, ServeSettings& settings);

/// Makes the settings whole: listeners from --listen where the file lists none, a cluster and a
/// route to it from --upstream. What does not go together is told. `file`: as it is called in what
/// is told; "": there is none.
std::vector<config::Problem> complete_serve(ServeSettings& settings,
                                            const config::Resolved& resolved,
                                            const std::string& file,
                                            std::vector<std::string>& warnings);

}  // namespace finack::cli
