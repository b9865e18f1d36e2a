#include "gateway/alignment.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/units.h"
#include "gateway/alignment_use.h"

namespace finack::gateway {
namespace {

using config::format_bytes;

bool uses(const RouteSettings& route, const ClusterSettings& cluster) {
  return route.cluster == cluster.name ||
         (route.split && std::ranges::find(route.split->to, cluster.name, &SplitBranch::cluster) !=
                             route.split->to.end());
}

/// Whether requests of the route may have a body, as far as it says.
bool takes_bodies(const RouteSettings& route) {
  const auto& methods = route.match.methods;
  return methods.empty() || std::ranges::any_of(methods, [](const std::string& method) {
           return method != "GET" && method != "HEAD" && method != "OPTIONS" && method != "DELETE";
         });
}

std::uint32_t most_tries(const GatewaySettings& settings, const RouteSettings& route) {
  if (route.retry.tries) return *route.retry.tries;
  std::uint32_t most = 1;
  for (const ClusterSettings& cluster : settings.clusters) {
    if (uses(route, cluster)) most = std::max(most, cluster.retry.tries);
  }
  return most;
}

void align_route(const GatewaySettings& settings, const RouteSettings& route,
                 const std::string& path, std::vector<Misalignment>& out) {
  const bool repeats = route.retry.idempotent && most_tries(settings, route) > 1;
  if (repeats && route.match.methods.empty()) {
    out.push_back({.rule = "53E",
                   .settings = {{path + ".retry.idempotent", "true"}},
                   .what = "the route takes every method, so an order or a payment that a server "
                           "may have processed is sent again",
                   .change = "name the methods that may run twice by match.method, or take "
                             "idempotent out"});
  }
  if (repeats && takes_bodies(route) && !route.buffer_request) {
    out.push_back({.rule = "52E",
                   .settings = {{path + ".retry.idempotent", "true"}},
                   .what = "a body is passed on as it comes and not kept, so a request with a body "
                           "cannot be sent again once its body has begun",
                   .change = "add buffer_request: {} to the route"});
  }
}

void align_bodies(const RouteSettings& route, const std::string& path,
                  const ListenerSettings& listener, const std::string& listener_path,
                  std::vector<Misalignment>& out) {
  if (!route.max_body_bytes || *route.max_body_bytes <= listener.limits.body_bytes) return;
  const std::string wanted = format_bytes(*route.max_body_bytes);
  const std::string allowed = format_bytes(listener.limits.body_bytes);
  out.push_back(
      {.rule = "50W",
       .settings = {{path + ".max_body_bytes", wanted},
                    {listener_path + ".limits.body_bytes", allowed}},
       .what = fmt::format("the listener answers 413 to bodies over {} before the route is asked, "
                           "so its {} never counts",
                           allowed, wanted),
       .change = fmt::format("set the listener's limits.body_bytes to {}, and smaller limits by "
                             "route, or lower max_body_bytes",
                             wanted)});
}

}  // namespace

std::vector<Misalignment> misalignments(const GatewaySettings& settings) {
  std::vector<Misalignment> out;
  const std::vector<ClusterUse> uses = cluster_uses(settings);
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const std::string path = fmt::format("listeners[{}]", i);
    align_listener(settings.listeners[i], path, out);
    for (const ClusterUse& use : uses) align_listener_with(settings.listeners[i], path, use, out);
  }
  for (const ClusterSettings& cluster : settings.clusters) align_cluster(cluster, out);
  for (const ClusterUse& use : uses) align_cluster_use(use, out);
  for (std::size_t i = 0; i < settings.routes.size(); ++i) {
    const std::string path = fmt::format("routes[{}]", i);
    align_route(settings, settings.routes[i], path, out);
    for (std::size_t k = 0; k < settings.listeners.size(); ++k) {
      align_bodies(settings.routes[i], path, settings.listeners[k], fmt::format("listeners[{}]", k),
                   out);
    }
  }
  std::vector<Misalignment> once;
  for (Misalignment& found : out) {
    if (std::ranges::find(once, found) == once.end()) once.push_back(std::move(found));
  }
  return once;
}

std::string_view severity_word(const Misalignment& misalignment) {
  switch (misalignment.rule.back()) {
    case 'E':
      return "error";
    case 'W':
      return "warning";
    default:
      return "info";
  }
}

}  // namespace finack::gateway
