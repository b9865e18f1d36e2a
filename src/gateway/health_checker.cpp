#include "gateway/health_checker.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "gateway/text_hash.h"

namespace finack::gateway {

HealthChecker::HealthChecker(const WorkerParts& parts, std::function<void()> emptied)
    : parts_(parts), emptied_(std::move(emptied)), random_(std::random_device{}()) {}

/// By names and not by places where those may change: the worker that checks a server stays the
/// same for as long as the server does.
bool HealthChecker::mine(const Cluster& cluster, const client::UpstreamServer& server,
                         std::size_t place) const {
  const std::uint64_t first = hash_text(cluster.settings().name) % parts_.workers;
  const bool may_move = !cluster.membership().names().empty();
  const std::uint64_t own = may_move ? hash_text(server.name) % parts_.workers : place;
  return (first + own) % parts_.workers == parts_.worker % parts_.workers;
}

void HealthChecker::adopt(const Plan& plan) {
  if (stopped_) return;
  const auto& clusters = plan.clusters();
  // They go with sweep(): a check that is under way ends by and by.
  for (const auto& check : checks_) {
    if (std::ranges::find(clusters, check->cluster()) == clusters.end())
      check->stop(record::Cause::operator_reload_retired);
  }
  clusters_.clear();
  std::ranges::copy_if(clusters, std::back_inserter(clusters_), [](const auto& cluster) {
    return cluster->settings().health.active.has_value();
  });
  for (const auto& cluster : clusters_) follow(cluster);
}

void HealthChecker::follow_servers() {
  if (stopped_) return;
  for (const auto& cluster : clusters_)
    if (!cluster->membership().names().empty()) follow(cluster);
  sweep();
}

void HealthChecker::follow(const std::shared_ptr<Cluster>& cluster) {
  const ClusterServers::List servers = cluster->servers();
  for (const auto& check : checks_) {
    const bool gone = std::ranges::find(servers, check->checked()) == servers.end();
    if (check->cluster() == cluster && gone) check->stop(record::Cause::policy_health_check);
  }
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (!mine(*cluster, *servers[i], i)) continue;
    if (std::ranges::find(checks_, servers[i], &ServerCheck::checked) != checks_.end()) continue;
    checks_.push_back(
        std::make_unique<ServerCheck>(parts_, cluster, servers[i], random_, emptied_));
  }
}

void HealthChecker::stop(record::Cause cause) {
  stopped_ = true;
  for (const auto& check : checks_) check->stop(cause);
}

void HealthChecker::sweep() {
  std::erase_if(checks_, [](const auto& check) { return check->stopped() && check->idle(); });
}

bool HealthChecker::empty() const {
  return std::ranges::all_of(checks_, [](const auto& check) { return check->idle(); });
}

}  // namespace finack::gateway
