#include "gateway/alignment_use.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/units.h"

namespace finack::gateway {

AlignedSetting WaitInForce::setting() const { return {path, config::format_duration(value)}; }

std::string ClusterUse::path(std::string_view key) const {
  return fmt::format("clusters.{}.{}", cluster_->name, key);
}

WaitInForce ClusterUse::wait(std::string_view key, Nanos ClientTimeouts::* field,
                             std::optional<Nanos> RouteTimeouts::* override) const {
  if (route_ != nullptr && route_->timeouts.*override)
    return {fmt::format("{}.timeouts.{}", route_path_, key), *(route_->timeouts.*override)};
  return {path(fmt::format("timeouts.{}", key)), cluster_->timeouts.*field};
}

WaitInForce ClusterUse::connect() const {
  return wait("connect", &ClientTimeouts::connect, &RouteTimeouts::connect);
}
WaitInForce ClusterUse::first_response_byte() const {
  return wait("first_response_byte", &ClientTimeouts::first_response_byte,
              &RouteTimeouts::first_response_byte);
}
WaitInForce ClusterUse::response_idle() const {
  return wait("response_idle", &ClientTimeouts::response_idle, &RouteTimeouts::response_idle);
}
WaitInForce ClusterUse::one_try() const {
  return wait("try", &ClientTimeouts::try_, &RouteTimeouts::try_);
}
WaitInForce ClusterUse::request_total() const {
  return wait("request_total", &ClientTimeouts::request_total, &RouteTimeouts::request_total);
}
WaitInForce ClusterUse::tunnel_idle() const {
  return wait("tunnel_idle", &ClientTimeouts::tunnel_idle, &RouteTimeouts::tunnel_idle);
}

std::uint32_t ClusterUse::tries() const {
  return route_ != nullptr ? route_->retry.tries.value_or(cluster_->retry.tries)
                           : cluster_->retry.tries;
}

AlignedSetting ClusterUse::tries_setting() const {
  const bool own = route_ != nullptr && route_->retry.tries;
  return {own ? route_path_ + ".retry.tries" : path("retry.tries"), std::to_string(tries())};
}

bool ClusterUse::on_timeout() const {
  return route_ != nullptr ? route_->retry.on_timeout.value_or(cluster_->retry.on_timeout)
                           : cluster_->retry.on_timeout;
}

std::vector<ClusterUse> cluster_uses(const GatewaySettings& settings) {
  std::vector<ClusterUse> uses;
  for (const ClusterSettings& cluster : settings.clusters) {
    ClusterUse plain(cluster, nullptr, {});
    bool used_plainly = false;
    bool used = false;
    for (std::size_t i = 0; i < settings.routes.size(); ++i) {
      const RouteSettings& route = settings.routes[i];
      const bool by_split =
          route.split && std::ranges::any_of(route.split->to, [&](const SplitBranch& branch) {
            return branch.cluster == cluster.name;
          });
      if (route.cluster != cluster.name && !by_split) continue;
      used = true;
      const bool own = route.timeouts != RouteTimeouts() || route.retry.tries ||
                       route.retry.on_timeout.has_value();
      if (own) {
        uses.emplace_back(cluster, &route, fmt::format("routes[{}]", i));
        uses.back().tunnels = !route.upgrade.empty();
      } else {
        used_plainly = true;
        plain.tunnels |= !route.upgrade.empty();
      }
    }
    if (used_plainly || !used) uses.push_back(std::move(plain));
  }
  return uses;
}

}  // namespace finack::gateway
