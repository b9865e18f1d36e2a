#include "gateway/worker_cluster.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/hash_key.h"

namespace finack::gateway {
namespace {

Balancer make_balancer(const Cluster& cluster, const ClusterServers::List& servers,
                       std::uint64_t seed) {
  std::vector<RingServer> ring;
  for (const auto& server : servers) ring.push_back({server->name, server->weight});
  const ClusterSettings& settings = cluster.settings();
  return {settings.balance, ring, settings.hash.load_percent, seed};
}

/// How often a queue looks whether another worker has given up a slot.
constexpr Nanos kSlotLook = std::chrono::milliseconds(10);

}  // namespace

WorkerCluster::WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster,
                             const std::function<void()>& emptied)
    : loop_(*parts.loop),
      parts_(parts),
      cluster_(std::move(cluster)),
      emptied_(emptied),
      balancer_(make_balancer(*cluster_, {}, parts.worker)) {
  follow_servers();
  follow_drains();
}

std::unique_ptr<ServerShare> WorkerCluster::make_share(
    std::shared_ptr<client::UpstreamServer> server) {
  auto share =
      std::make_unique<ServerShare>(client::Pool::Options{.loop = parts_.loop,
                                                          .ledger = parts_.ledger,
                                                          .ids = parts_.ids,
                                                          .server = std::move(server),
                                                          .resolver = parts_.resolver,
                                                          .rules = cluster_->pool_rules(),
                                                          .timeouts = cluster_->timeouts(),
                                                          .limits = cluster_->response_limits(),
                                                          .wall_offset = parts_.wall_offset,
                                                          .emptied = [this] {
                                                            if (!leaving_.empty())
                                                              loop_.defer(*this);
                                                            emptied_();
                                                          }});
  if (drained_for_ != record::Cause::unknown) share->pool.drain(drained_for_);
  return share;
}

// ---- The servers

void WorkerCluster::follow_servers() {
  const auto [list, number] = cluster_->membership().board().current();
  if (number == number_) return;
  number_ = number;
  std::vector<std::unique_ptr<ServerShare>> present;
  for (const auto& server : *list) {
    const auto found = std::ranges::find_if(
        servers_, [&](const auto& share) { return share != nullptr && share->server == server; });
    present.push_back(found == servers_.end() ? make_share(server) : std::move(*found));
  }
  for (auto& share : servers_)
    if (share != nullptr) leaving_.push_back(std::move(share));
  servers_ = std::move(present);
  candidates_.assign(servers_.size(), {});
  balancer_ = make_balancer(*cluster_, *list, parts_.worker + number);
  // Not from inside a choice: who makes it may be told of a connection's end just now. And there
  // may be room for who waits.
  loop_.defer(*this);
}

void WorkerCluster::let_go(ServerShare& server) {
  if (--server.held == 0 && !leaving_.empty()) loop_.defer(*this);
}

/// True: a server is left out for want of a connection, and for nothing else.
bool WorkerCluster::find_candidates(Instant now, bool repeatable) {
  const std::uint32_t most = cluster_->pool_rules().connections;
  const BoundedCount& all = cluster_->connections;
  const bool room_for_one = all.most() == 0 || all.count() < all.most();
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const client::UpstreamServer& server = *servers_[i]->server;
    candidates_[i] = {.weight = server.weight,
                      .warmth = server.health.warmth(now),
                      .available = server.health.available(now),
                      .backup = server.backup,
                      .avoided = server.health.avoided(now, repeatable),
                      .live = server.requests_live.load(std::memory_order_relaxed),
                      .latency = &servers_[i]->latency};
  }
  if (most == 0 && room_for_one) return false;
  // A try takes one connection, so that tries are what counts.
  bool full = false;
  for (Candidate& one : candidates_) {
    const bool room = (most == 0 || one.live < most) && room_for_one;
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
                           std::span<const std::uint64_t> tried, bool repeatable) {
  if (cluster_->membership().board().number() != number_) follow_servers();
  std::array<std::size_t, kMostTried> places;
  std::size_t known = 0;
  for (const std::uint64_t number : tried.last(std::min(tried.size(), kMostTried))) {
    for (std::size_t i = 0; i < servers_.size(); ++i)
      if (servers_[i]->server->number == number) places[known++] = i;
  }
  const Instant now = loop_.now();
  const bool full = find_candidates(now, repeatable);
  const ClusterSettings& settings = cluster_->settings();
  const std::uint64_t key = settings.balance == Balance::consistent_hash
                                ? hash_key(settings.hash, head.headers, client)
                                : 0;
  const auto place = pick_untried(
      {.draw = draw(), .key = key, .tried = std::span(places).first(known), .now = now});
  return {.server = place ? servers_[*place].get() : nullptr, .full = !place && full};
}

// ---- The queue

void WorkerCluster::wait(SlotWaiter& waiter, bool first) {
  first ? queue_.push_front(waiter) : queue_.push_back(waiter);
  // Who comes later does not put off the look for those before.
  if (!armed()) loop_.timers().arm(*this, loop_.now() + kSlotLook);
}

void WorkerCluster::run_deferred() {
  for (const auto& share : leaving_) share->pool.wind_up();
  while (!queue_.empty() && queue_.front().on_slot()) {
  }
  if (!queue_.empty()) loop_.timers().arm(*this, loop_.now() + kSlotLook);
  std::erase_if(leaving_,
                [](const auto& share) { return share->held == 0 && share->pool.empty(); });
}

void WorkerCluster::leave() {
  note_slot();
  if (--requests_ == 0) emptied_();
}

template <class Visit>
void WorkerCluster::for_each_pool(Visit visit) const {
  for (const auto& share : servers_) visit(share->pool);
  for (const auto& share : leaving_) visit(share->pool);
}

void WorkerCluster::drain(record::Cause cause) {
  drained_for_ = cause;
  for_each_pool([cause](client::Pool& pool) { pool.drain(cause); });
}

void WorkerCluster::follow_drains() {
  if (drained_for_ != record::Cause::unknown) return;
  for (const auto& share : servers_) {
    if (share->server->health.availability(loop_.now()) == client::Availability::drained) {
      share->pool.drain(record::Cause::operator_server_drained);
    } else {
      share->pool.undrain();
    }
  }
}

ClusterShare WorkerCluster::share() {
  ClusterShare out{.cluster = cluster_.get(), .pools = {}};
  for_each_pool([&out](client::Pool& pool) {
    out.pools.push_back({.server = pool.server().number, .state = pool.state()});
  });
  return out;
}

void WorkerCluster::list(record::LivePage& page) {
  for_each_pool([&](client::Pool& pool) {
    pool.for_each([&](const client::Connection& connection) {
      if (page.wants(connection.id(), record::Role::client, connection.phase()))
        page.add(connection.describe());
    });
  });
}

bool WorkerCluster::kill(const record::ConnectionId& id) {
  client::Connection* found = nullptr;
  for_each_pool([&](client::Pool& pool) {
    pool.for_each([&](client::Connection& connection) {
      if (connection.id().sequence == id.sequence) found = &connection;
    });
  });
  if (found == nullptr) return false;
  found->cut(record::Cause::operator_killed);
  return true;
}

void WorkerCluster::cut(record::Cause cause) {
  for_each_pool([cause](client::Pool& pool) { pool.cut(cause); });
}

bool WorkerCluster::empty() const {
  bool empty = requests_ == 0;
  for_each_pool([&empty](const client::Pool& pool) { empty = empty && pool.empty(); });
  return empty;
}

}  // namespace finack::gateway
