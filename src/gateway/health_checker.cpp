#include "gateway/health_checker.h"

#include <algorithm>
#include <utility>

#include "gateway/text_hash.h"

namespace finack::gateway {

HealthChecker::HealthChecker(const WorkerParts& parts, std::function<void()> emptied)
    : parts_(parts), emptied_(std::move(emptied)), random_(std::random_device{}()) {}

/// By the cluster's name and not by its place, which a reload may change: the worker that checks a
/// server stays the same for as long as its cluster is kept.
bool HealthChecker::mine(const Cluster& cluster, std::size_t server) const {
  const std::uint64_t first = hash_text(cluster.settings().name) % parts_.workers;
  return (first + server) % parts_.workers == parts_.worker % parts_.workers;
}

void HealthChecker::adopt(const Plan& plan) {
  if (stopped_) return;
  const auto& clusters = plan.clusters();
  // They go with sweep(): a check that is under way ends by and by.
  for (const auto& check : checks_) {
    if (std::ranges::find(clusters, check->cluster()) == clusters.end())
      check->stop(record::Cause::operator_reload_retired);
  }
  for (const auto& cluster : clusters) {
    if (!cluster->settings().health.active) continue;
    if (std::ranges::find(checks_, cluster, &ServerCheck::cluster) != checks_.end()) continue;
    for (std::size_t i = 0; i < cluster->servers().size(); ++i) {
      if (mine(*cluster, i))
        checks_.push_back(std::make_unique<ServerCheck>(parts_, cluster, i, random_, emptied_));
    }
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
