#include "cli/serve_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/process_options.h"
#include "config/address_text.h"
#include "gateway/settings_table.h"
#include "gateway/text_checks.h"

namespace finack::cli {
namespace {

using config::Origin;
using config::Problem;

Origin origin_of(const config::Resolved& resolved, std::string_view name) {
  const config::Option* row = resolved.table().by_name(name);
  return row == nullptr ? Origin::fallback : resolved.at(*row).origin;
}

void complete_listeners(ServeSettings& settings, const config::Resolved& resolved,
                        std::vector<Problem>& problems, std::vector<std::string>& warnings) {
  if (settings.gateway.listeners.empty()) {
    for (const std::string& address : settings.process.listen)
      settings.gateway.listeners.emplace_back().address = address;
    return;
  }
  const std::string_view why = "the file lists listeners, and they are used";
  const Origin origin = origin_of(resolved, "listen");
  if (origin == Origin::flag) {
    problems.push_back({"--listen", fmt::format("{}: leave one of both out", why)});
  } else if (origin == Origin::environment) {
    warnings.push_back(fmt::format("FINACK_LISTEN counts for nothing: {}", why));
  }
}

void complete_upstreams(ServeSettings& settings, const std::string& file,
                        std::vector<Problem>& problems) {
  gateway::GatewaySettings& gateway = settings.gateway;
  if (settings.upstreams.empty()) {
    if (gateway.routes.empty()) {
      problems.push_back(
          {file.empty() ? "finack serve" : file,
           file.empty() ? "nothing to serve: give --upstream ADDRESS, or --config FILE with routes"
                        : "there are no routes, so every request would be answered 404"});
    }
    return;
  }
  if (!gateway.routes.empty() || !gateway.clusters.empty()) {
    problems.push_back(
        {"--upstream", "the file has routes and clusters of its own: leave one of both out"});
    return;
  }
  gateway::ClusterSettings& cluster = gateway.clusters.emplace_back();
  cluster.name = kUpstreamCluster;
  for (std::size_t i = 0; i < settings.upstreams.size(); ++i) {
    const std::string& address = settings.upstreams[i];
    if (std::ranges::find(cluster.servers, address, &gateway::UpstreamServerSettings::address) !=
        cluster.servers.end()) {
      problems.push_back({"--upstream", fmt::format("{} is given twice", address)});
      continue;
    }
    cluster.servers.push_back({.address = address});
  }
  gateway.routes.emplace_back().cluster = kUpstreamCluster;
}

/// What a Host can be compared with: a name, without a port.
std::expected<void, std::string> check_one_host(std::string_view text) {
  if (text.starts_with('*'))
    return std::unexpected(fmt::format("'{}' is a pattern: write one name", text));
  return gateway::check_host_pattern(text);
}

}  // namespace

void describe_serve(config::Scope& root, ServeSettings& settings) {
  config::OptionTable& table = root.rows();
  app::process_rows(table, settings.process, app::ListenRow::flag_only);
  table.group("Process", "");
  table.text(
      {"admin-host", "admin_host",
       "name by which the admin listener's live state may be asked for, besides addresses and "
       "localhost",
       "no other name"},
      settings.admin_host, "a host name", check_one_host);
  table.duration(
      {"loop-blocked", "loop_blocked",
       "a worker whose loop is blocked longer than this is named by the watchdog", "no watchdog"},
      settings.loop_blocked, std::chrono::milliseconds(1), std::chrono::hours(1));
  table.list({"upstream", "",
              "a gateway without a file: servers of one cluster that every request goes to",
              "the file's clusters and routes"},
             settings.upstreams, config::kServerForms, config::check_server);
  gateway::describe_gateway(root, settings.gateway);
}

std::vector<Problem> complete_serve(ServeSettings& settings, const config::Resolved& resolved,
                                    const std::string& file, std::vector<std::string>& warnings) {
  std::vector<Problem> problems;
  complete_listeners(settings, resolved, problems, warnings);
  complete_upstreams(settings, file, problems);
  return problems;
}

}  // namespace finack::cli
