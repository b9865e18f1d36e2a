#include "gateway/worker_cluster.h"

#include <algorithm>
#include <utility>

namespace finack::gateway {
namespace {

/// Requests under way for its weight: what a server that comes back slowly has more of.
double load(const client::UpstreamServer& server, Instant now) {
  const auto live = static_cast<double>(server.requests_live.load(std::memory_order_relaxed));
  return (live + 1) / (static_cast<double>(server.weight) * server.health.warmth(now));
}

}  // namespace

WorkerCluster::WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster)
    : loop_(*parts.loop),
      cluster_(std::move(cluster)),
      random_(static_cast<std::minstd_rand::result_type>(
          std::uintptr_t(this) ^ static_cast<std::uintptr_t>(loop_.now().time_since_epoch().count()))) {
  for (const auto& server : cluster_->servers()) {
    pools_.push_back(std::make_unique<client::Pool>(
        client::Pool::Options{.loop = parts.loop,
                              .ledger = parts.ledger,
                              .ids = parts.ids,
                              .server = server,
                              .rules = cluster_->pool_rules(),
                              .timeouts = cluster_->timeouts(),
                              .limits = {},
                              .purpose = record::Purpose::traffic,
                              .wall_offset = parts.wall_offset}));
  }
}

bool WorkerCluster::usable(std::size_t server, std::uint64_t tried, bool backup,
                           Instant now) const {
  const client::UpstreamServer& s = *cluster_->servers()[server];
  if (s.backup != backup || s.weight == 0 || !s.health.available(now)) return false;
  return server >= 64 || (tried >> server & 1) == 0;
}

/// Of two drawn at random the one with less to do; the first usable one behind each draw.
std::size_t WorkerCluster::choose(std::uint64_t tried, bool backup, Instant now) {
  const std::size_t count = pools_.size();
  std::size_t best = kNone;
  for (int draw = 0; draw < 2; ++draw) {
    const std::size_t from = count == 1 ? 0 : random_() % count;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = (from + i) % count;
      if (at == best || !usable(at, tried, backup, now)) continue;
      const auto& servers = cluster_->servers();
      if (best == kNone || load(*servers[at], now) < load(*servers[best], now)) best = at;
      break;
    }
  }
  return best;
}

std::size_t WorkerCluster::pick(std::uint64_t tried) {
  const Instant now = loop_.now();
  std::size_t server = choose(tried, false, now);
  if (server == kNone) server = choose(tried, true, now);
  if (server == kNone && tried != 0) return pick(0);
  return server;
}

void WorkerCluster::close(record::Cause cause) {
  for (const auto& pool : pools_) pool->close(cause);
}

bool WorkerCluster::empty() const {
  return std::ranges::all_of(pools_, [](const auto& pool) { return pool->empty(); });
}

}  // namespace finack::gateway
