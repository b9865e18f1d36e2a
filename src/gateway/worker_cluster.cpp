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

/// How often a queue looks whether another worker has given up a slot.
constexpr Nanos kSlotLook = std::chrono::milliseconds(10);

}  // namespace

WorkerCluster::WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster,
                             const std::function<void()>& emptied)
    : loop_(*parts.loop),
      cluster_(std::move(cluster)),
      emptied_(emptied),
      latencies_(cluster_->servers().size()),
      candidates_(cluster_->servers().size()),
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
  follow_drains();
}

/// True: a server is left out for want of a connection, and for nothing else.
bool WorkerCluster::find_candidates(Instant now) {
  const auto& servers = cluster_->servers();
  const std::uint32_t most = cluster_->pool_rules().connections;
  const std::uint32_t most_of_all = cluster_->settings().breaker.limits.connections;
  std::uint32_t all = 0;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const client::UpstreamServer& server = *servers[i];
    candidates_[i] = {.weight = server.weight,
                      .warmth = server.health.warmth(now),
                      .available = server.health.available(now),
                      .backup = server.backup,
                      .live = server.requests_live.load(std::memory_order_relaxed),
                      .latency = &latencies_[i]};
    all += candidates_[i].live;
  }
  if (most == 0 && most_of_all == 0) return false;
  // A try takes one connection, so that tries are what counts.
  bool full = false;
  for (Candidate& one : candidates_) {
    const bool room = (most == 0 || one.live < most) && (most_of_all == 0 || all < most_of_all);
    full = full || (one.available && !room);
    one.available = one.available && room;
  }
  return full;
}

std::optional<std::size_t> WorkerCluster::pick_untried(Pick by) {
  const std::span<const std::size_t> tried = by.tried;
  const auto fresh = balancer_.pick(candidates_, by);
  if (fresh || tried.empty()) return fresh;
  by.tried = tried.last(1);
  if (const auto other = balancer_.pick(candidates_, by)) return other;
  by.tried = {};
  return balancer_.pick(candidates_, by);
}

Choice WorkerCluster::pick(const http::RequestHead& head, const Address& client,
                           std::span<const std::size_t> tried) {
  const Instant now = loop_.now();
  const bool full = find_candidates(now);
  const ClusterSettings& settings = cluster_->settings();
  const std::uint64_t key = settings.balance == Balance::consistent_hash
                                ? hash_key(settings.hash, head.headers, client)
                                : 0;
  const auto server = pick_untried({.draw = draw(), .key = key, .tried = tried, .now = now});
  return {.server = server, .full = !server && full};
}

// ---- The queue

void WorkerCluster::wait(SlotWaiter& waiter, bool first) {
  first ? queue_.push_front(waiter) : queue_.push_back(waiter);
  // Who comes later does not put off the look for those before.
  if (!armed()) loop_.timers().arm(*this, loop_.now() + kSlotLook);
}

void WorkerCluster::run_deferred() {
  while (!queue_.empty() && queue_.front().on_slot()) {
  }
  if (!queue_.empty()) loop_.timers().arm(*this, loop_.now() + kSlotLook);
}

void WorkerCluster::leave() {
  note_slot();
  if (--requests_ == 0) emptied_();
}

void WorkerCluster::drain(record::Cause cause) {
  drained_for_ = cause;
  for (const auto& pool : pools_) pool->drain(cause);
}

void WorkerCluster::follow_drains() {
  if (drained_for_ != record::Cause::unknown) return;
  for (const auto& pool : pools_) {
    if (pool->server().health.availability(loop_.now()) == client::Availability::drained) {
      pool->drain(record::Cause::operator_server_drained);
    } else {
      pool->undrain();
    }
  }
}

ClusterShare WorkerCluster::share() {
  ClusterShare out{.cluster = cluster_.get(), .pools = {}};
  for (const auto& pool : pools_) out.pools.push_back(pool->state());
  return out;
}

void WorkerCluster::list(record::LivePage& page) {
  for (const auto& pool : pools_) {
    pool->for_each([&](const client::Connection& connection) {
      if (page.wants(connection.id(), record::Role::client, connection.phase()))
        page.add(connection.describe());
    });
  }
}

bool WorkerCluster::kill(const record::ConnectionId& id) {
  client::Connection* found = nullptr;
  for (const auto& pool : pools_) {
    pool->for_each([&](client::Connection& connection) {
      if (connection.id().sequence == id.sequence) found = &connection;
    });
  }
  if (found == nullptr) return false;
  found->cut(record::Cause::operator_killed);
  return true;
}

void WorkerCluster::cut(record::Cause cause) {
  for (const auto& pool : pools_) pool->cut(cause);
}

bool WorkerCluster::empty() const {
  return requests_ == 0 &&
         std::ranges::all_of(pools_, [](const auto& pool) { return pool->empty(); });
}

}  // namespace finack::gateway
