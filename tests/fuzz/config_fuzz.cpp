// The gateway's file: whatever comes, the reader returns; what it accepts prints as a file that
// means the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/print_config.h"
#include "config/yaml_reader.h"
#include "fuzz/require.h"
#include "gateway/settings_table.h"

namespace {

using finack::gateway::GatewaySettings;
namespace config = finack::config;

/// False: the text was refused, and nothing was applied.
bool load(std::string_view text, GatewaySettings& settings, std::string& printed) {
  config::Scope root;
  finack::gateway::describe_gateway(root, settings);
  config::FileContent content = config::read_yaml(root, text, "f");
  require(settings == GatewaySettings(), "reading changes no field");
  for (const config::Problem& problem : content.problems) {
    require(problem.where.starts_with("f:") && !problem.what.empty(), "a problem has a place");
  }
  if (!content.problems.empty()) return false;
  config::Resolved resolved(root.table());
  resolved.take(content.assignments, config::Origin::file);
  resolved.apply();
  content.apply_parts();
  printed = config::print_config(resolved, root, content.places);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  GatewaySettings first;
  std::string printed;
  if (!load(input, first, printed)) return 0;
  for (const auto& route : first.routes) {
    const int actions = (route.cluster.empty() ? 0 : 1) + (route.split ? 1 : 0) +
                        (route.redirect ? 1 : 0) + (route.respond ? 1 : 0);
    require(actions == 1, "a route does exactly one thing");
  }
  for (const auto& cluster : first.clusters) {
    require(config::is_name(cluster.name) && !cluster.servers.empty(), "a cluster is whole");
  }
  // Defaults that are spelled out can make a file of a mebibyte too large to be read again.
  if (printed.size() > 1 << 20) return 0;
  GatewaySettings second;
  std::string again;
  require(load(printed, second, again), "what is printed can be read");
  require(first == second, "what is printed means the same");
  return 0;
}
