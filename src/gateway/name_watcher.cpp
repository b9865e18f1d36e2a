#include "gateway/name_watcher.h"

#include <algorithm>

#include "gateway/text_hash.h"

namespace finack::gateway {

NameWatcher::NameWatcher(const WorkerParts& parts)
    : parts_(parts), random_(std::random_device{}()) {}

/// By what a reload cannot change without making another cluster.
bool NameWatcher::mine(const Cluster& cluster, const ServerName& name) const {
  const std::uint64_t first = hash_text(cluster.settings().name) % parts_.workers;
  return (first + name.entry) % parts_.workers == parts_.worker % parts_.workers;
}

void NameWatcher::adopt(const Plan& plan) {
  if (stopped_) return;
  const auto& clusters = plan.clusters();
  std::erase_if(watches_, [&](const auto& watch) {
    return std::ranges::find(clusters, watch->cluster()) == clusters.end();
  });
  for (const auto& cluster : clusters) {
    if (std::ranges::find(watches_, cluster, &NameWatch::cluster) != watches_.end()) continue;
    for (const ServerName& name : cluster->membership().names()) {
      if (mine(*cluster, name))
        watches_.push_back(std::make_unique<NameWatch>(parts_, cluster, name, random_));
    }
  }
}

void NameWatcher::stop() {
  stopped_ = true;
  watches_.clear();
}

}  // namespace finack::gateway
