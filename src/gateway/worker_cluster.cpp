#include "gateway/worker_cluster.h"

#include <algorithm>
#include <utility>

#include "gateway/hash_key.h"

namespace finack::gateway {
namespace {

std::vector<RingServer> ring_servers(const Cluster& cluster) {
  std::vector<RingServer> servers;
  for (const auto& server : cluster.servers()) servers.push_back({server->name, server->weight});
  return servers;
}

}  // namespace

WorkerCluster::WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster,
                             const std::function<void()>& emptied)
    : loop_(*parts.loop),
      cluster_(std::move(cluster)),
      emptied_(emptied),
      latencies_(cluster_->servers().size()),
      candidates_(cluster_->servers().size()),
      random_(std::random_device{}()),
      balancer_(cluster_->settings().balance, ring_servers(*cluster_),
                cluster_->settings().hash.load_percent, parts.worker) {
  for (const auto& server : cluster_->servers()) {
    pools_.push_back(
        std::make_unique<client::Pool>(client::Pool::Options{.loop = parts.loop,
                                                             .ledger = parts.ledger,
                                                             .ids = parts.ids,
                                                             .server = server,
                                                             .resolver = parts.resolver,
                                                             .rules = cluster_->pool_rules(),
                                                             .timeouts = cluster_->timeouts(),
                                                             .limits = cluster_->response_limits(),
                                                             .wall_offset = parts.wall_offset,
                                                             .emptied = emptied_}));
  }
}

std::optional<std::size_t> WorkerCluster::pick(const http::RequestHead& head, const Address& client,
                                               std::span<const std::size_t> tried) {
  const Instant now = loop_.now();
  const auto& servers = cluster_->servers();
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const client::UpstreamServer& server = *servers[i];
    candidates_[i] = {.weight = server.weight,
                      .warmth = server.health.warmth(now),
                      .available = server.health.available(now),
                      .backup = server.backup,
                      .live = server.requests_live.load(std::memory_order_relaxed),
                      .latency = &latencies_[i]};
  }
  const ClusterSettings& settings = cluster_->settings();
  const std::uint64_t key = settings.balance == Balance::consistent_hash
                                ? hash_key(settings.hash, head.headers, client)
                                : 0;
  Pick by{.draw = draw(), .key = key, .tried = tried, .now = now};
  const auto fresh = balancer_.pick(candidates_, by);
  if (fresh || tried.empty()) return fresh;
  by.tried = tried.last(1);
  if (const auto other = balancer_.pick(candidates_, by)) return other;
  by.tried = {};
  return balancer_.pick(candidates_, by);
}

void WorkerCluster::enter() {
  ++requests_;
  cluster_->requests_live.fetch_add(1, std::memory_order_relaxed);
}

void WorkerCluster::leave() {
  cluster_->requests_live.fetch_sub(1, std::memory_order_relaxed);
  if (--requests_ == 0) emptied_();
}

void WorkerCluster::drain(record::Cause cause) {
  for (const auto& pool : pools_) pool->drain(cause);
}

void WorkerCluster::cut(record::Cause cause) {
  for (const auto& pool : pools_) pool->cut(cause);
}

bool WorkerCluster::empty() const {
  return requests_ == 0 &&
         std::ranges::all_of(pools_, [](const auto& pool) { return pool->empty(); });
}

}  // namespace finack::gateway
