#include "gateway/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace finack::gateway {

Expected<std::shared_ptr<const Plan>> Plan::create(GatewaySettings settings,
                                                   std::string_view mark) {
  auto router = Router::compile(settings.routes);
  if (!router) return std::unexpected(Error{.what = std::move(router.error()), .side = Side::user});
  std::shared_ptr<Plan> plan(new Plan(settings, std::move(*router), mark));
  for (const ClusterSettings& cluster : settings.clusters) {
    auto made = Cluster::create(cluster);
    if (!made) return std::unexpected(std::move(made.error()));
    plan->clusters_.push_back(std::move(*made));
  }
  if (auto connected = plan->connect_routes(); !connected)
    return std::unexpected(std::move(connected.error()));
  return plan;
}

Expected<void> Plan::connect_routes() {
  route_clusters_.resize(router_.routes().size());
  for (const Route& route : router_.routes()) {
    std::vector<std::string> names;
    if (!route.settings.cluster.empty()) names.push_back(route.settings.cluster);
    if (route.settings.split)
      for (const SplitBranch& branch : route.settings.split->to) names.push_back(branch.cluster);
    for (const std::string& name : names) {
      const auto found = std::ranges::find_if(
          clusters_, [&](const auto& cluster) { return cluster->settings().name == name; });
      if (found == clusters_.end()) {
        return std::unexpected(Error{
            .what = fmt::format("route {}: there is no cluster {}", route.label.pattern, name),
            .side = Side::user});
      }
      route_clusters_[route.index].push_back(*found);
    }
  }
  return {};
}

}  // namespace finack::gateway
