#include "gateway/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/lasting_text.h"

namespace finack::gateway {
namespace {

std::shared_ptr<Cluster> find_cluster(const std::vector<std::shared_ptr<Cluster>>& clusters,
                                      std::string_view name) {
  const auto found = std::ranges::find_if(
      clusters, [&](const auto& cluster) { return cluster->settings().name == name; });
  return found == clusters.end() ? nullptr : *found;
}

/// The waits that the route has decided, by TimerKind.
std::uint32_t decided_by(const RouteTimeouts& route) {
  using record::TimerKind;
  std::uint32_t bits = 0;
  const auto note = [&bits](TimerKind timer, const std::optional<Nanos>& value) {
    if (value) bits |= 1U << static_cast<unsigned>(timer);
  };
  note(TimerKind::resolve, route.resolve);
  note(TimerKind::connect, route.connect);
  note(TimerKind::tls, route.tls);
  note(TimerKind::send, route.send);
  note(TimerKind::first_response_byte, route.first_response_byte);
  note(TimerKind::response_idle, route.response_idle);
  note(TimerKind::per_try, route.try_);
  note(TimerKind::request_total, route.request_total);
  note(TimerKind::queue, route.queue);
  note(TimerKind::tunnel_idle, route.tunnel_idle);
  return bits;
}

Destination destination_of(const Route& compiled, const std::shared_ptr<Cluster>& cluster) {
  const RouteSettings& route = compiled.settings;
  const ClientTimeouts& own = cluster->settings().timeouts;
  const RouteTimeouts& by_route = route.timeouts;
  Destination to{.cluster = cluster,
                 .timeouts = {.resolve = by_route.resolve.value_or(own.resolve),
                              .connect = by_route.connect.value_or(own.connect),
                              .tls = by_route.tls.value_or(own.tls),
                              .send = by_route.send.value_or(own.send),
                              .first_response_byte =
                                  by_route.first_response_byte.value_or(own.first_response_byte),
                              .response_idle = by_route.response_idle.value_or(own.response_idle),
                              .tunnel_idle = by_route.tunnel_idle.value_or(own.tunnel_idle),
                              .cluster = cluster->timeouts().cluster,
                              .route = lasting_text(fmt::format("routes[{}].", compiled.index)),
                              .by_route = decided_by(by_route)},
                 .retry = cluster->retry_rules(),
                 .try_budget = by_route.try_.value_or(own.try_),
                 .request_total = by_route.request_total.value_or(own.request_total),
                 .queue = by_route.queue.value_or(own.queue)};
  to.retry.tries = route.retry.tries.value_or(to.retry.tries);
  to.retry.on_timeout = route.retry.on_timeout.value_or(to.retry.on_timeout);
  if (route.retry.statuses) to.retry.statuses = status_bits(*route.retry.statuses);
  return to;
}

}  // namespace

Expected<std::shared_ptr<const Plan>> Plan::create(const GatewaySettings& settings,
                                                   std::string_view mark, const Plan* before) {
  auto router = Router::compile(settings.routes);
  if (!router) return std::unexpected(Error{.what = std::move(router.error()), .side = Side::user});
  std::shared_ptr<Plan> plan(new Plan(settings, std::move(*router), mark));
  for (const ClusterSettings& cluster : settings.clusters) {
    if (auto added = plan->add_cluster(cluster, before); !added)
      return std::unexpected(std::move(added.error()));
  }
  if (auto connected = plan->connect_routes(); !connected)
    return std::unexpected(std::move(connected.error()));
  return plan;
}

Expected<void> Plan::add_cluster(const ClusterSettings& settings, const Plan* before) {
  if (before != nullptr) {
    auto kept = find_cluster(before->clusters_, settings.name);
    if (kept != nullptr && kept->serves_for(settings)) {
      clusters_.push_back(std::move(kept));
      return {};
    }
  }
  auto made = Cluster::create(settings);
  if (!made) return std::unexpected(std::move(made.error()));
  clusters_.push_back(std::move(*made));
  return {};
}

Expected<void> Plan::connect_routes() {
  destinations_.resize(router_.routes().size());
  for (const Route& route : router_.routes()) {
    std::vector<std::string_view> names;
    if (!route.settings.cluster.empty()) names.push_back(route.settings.cluster);
    if (route.settings.split)
      for (const SplitBranch& branch : route.settings.split->to) names.push_back(branch.cluster);
    for (const std::string_view name : names) {
      auto cluster = find_cluster(clusters_, name);
      if (cluster == nullptr) {
        return std::unexpected(Error{
            .what = fmt::format("route {}: there is no cluster {}", route.label->pattern, name),
            .side = Side::user});
      }
      destinations_[route.index].push_back(destination_of(route, cluster));
    }
  }
  return {};
}

}  // namespace finack::gateway
