#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/random_bits.h"
#include "client/pool.h"
#include "client/upstream_server.h"
#include "finack/base/intrusive_list.h"
#include "finack/http/message.h"
#include "gateway/balancer.h"
#include "gateway/cluster.h"
#include "net/loop.h"

namespace finack::gateway {

/// What a worker's part of the gateway runs on. All outlive it.
struct WorkerParts {
  net::Loop* loop = nullptr;
  record::Ledger* ledger = nullptr;
  record::Ledger* health_ledger = nullptr;  ///< The books of health checks.
  record::ConnectionIds* ids = nullptr;
  net::Resolver* resolver = nullptr;
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;  ///< Of the process.
  Nanos wall_offset{0};
  /// Called at the end of a turn in which the gateway became empty(), once it was told to close.
  std::function<void()> emptied{};
  /// Takes a line for the operator; any worker's thread. Empty: nobody reads it.
  std::function<void(std::string_view)> say{};
};

/// Waits in a cluster's queue.
class SlotWaiter : public ListNode {
 public:
  /// There may be a slot now. False: there is none yet, and it waits on.
  virtual bool on_slot() = 0;

 protected:
  ~SlotWaiter() = default;
};

/// One worker's connections to one server, as they are at this moment.
struct PoolShare {
  std::uint64_t server = 0;  ///< UpstreamServer::number.
  client::PoolState state;
};

/// What one worker has of a cluster, as it is at this moment.
struct ClusterShare {
  const Cluster* cluster = nullptr;
  std::vector<PoolShare> pools;  ///< Also to servers that the cluster has no more.
};

/// One worker's share of one server of a cluster.
struct ServerShare {
  explicit ServerShare(client::Pool::Options options)
      : server(options.server), pool(std::move(options)) {}

  std::shared_ptr<client::UpstreamServer> server;
  client::Pool pool;
  PeakEwma latency;
  std::uint32_t held = 0;  ///< Requests that hold() it.
};

/// What a choice of a server came to.
struct Choice {
  ServerShare* server = nullptr;  ///< Good until the next choice; hold() it for longer.
  bool full = false;  ///< None, but only because all that are healthy have no connection left.
};

/// One worker's share of a cluster: a pool to each of its servers, the choice among them, and the
/// queue of those for whom there is no slot. Servers come and go with their names' answers: a
/// choice is one of those that are there then; one that left closes its connections as they become
/// free. Loop thread only.
class WorkerCluster final : private net::Deferred, private net::Timer {
 public:
  /// `emptied` is called when empty() may have become true.
  WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster,
                const std::function<void()>& emptied);

  Cluster& cluster() { return *cluster_; }
  const Cluster& cluster() const { return *cluster_; }
  /// The server for a try: one of `tried` (UpstreamServer::number, the last one stands last) only
  /// when no other is available. `repeatable`: it may try one in doubt before others may.
  Choice pick(const http::RequestHead& head, const Address& client,
              std::span<const std::uint64_t> tried, bool repeatable);
  /// Keeps a chosen server's share for as long as a request goes by it.
  void hold(ServerShare& server) { ++server.held; }
  void let_go(ServerShare& server);
  /// Goes by the cluster's servers as they are now: a choice does so by itself.
  void follow_servers();
  void observe(ServerShare& server, Nanos latency) {
    // Who alone is to be chosen is compared with nobody.
    if (servers_.size() > 1) server.latency.observe(latency, loop_.now());
  }
  std::uint64_t draw() { return random_.draw(); }

  /// Queues it behind all others, or before them. Unlink it to wait no more.
  void wait(SlotWaiter& waiter, bool first);
  /// A slot was given up.
  void note_slot() {
    if (!queue_.empty()) loop_.defer(*this);
  }
  /// Others wait: nobody goes before them.
  bool crowded() const { return !queue_.empty(); }

  /// A request of this worker begins, or is done.
  void enter() { ++requests_; }
  void leave();
  /// Keeps no connection any more; requests are served as before.
  void drain(record::Cause cause);
  /// An operator may have drained or restored servers: keeps connections to them accordingly.
  void follow_drains();
  ClusterShare share();
  void list(record::LivePage& page);
  /// Ends the connection as operator.killed; false: there is none of that id.
  bool kill(const record::ConnectionId& id);
  /// Ends all connections now.
  void cut(record::Cause cause);
  /// Neither a request nor a connection is left.
  bool empty() const;

 private:
  /// Servers that a request has tried and the cluster still has: of more, the last.
  static constexpr std::size_t kMostTried = 8;

  std::unique_ptr<ServerShare> make_share(std::shared_ptr<client::UpstreamServer> server);
  bool find_candidates(Instant now, bool repeatable);
  std::optional<std::size_t> pick_untried(Pick by);
  void run_deferred() override;
  void on_timer() override { run_deferred(); }

  template <class Visit>
  void for_each_pool(Visit visit) const;

  net::Loop& loop_;
  const WorkerParts parts_;
  std::shared_ptr<Cluster> cluster_;
  std::function<void()> emptied_;
  std::uint64_t number_ = 0;  ///< Of the cluster's servers that servers_ are.
  std::vector<std::unique_ptr<ServerShare>> servers_;
  std::vector<std::unique_ptr<ServerShare>> leaving_;  ///< The cluster has them no more.
  std::vector<Candidate> candidates_;                  ///< Scratch.
  IntrusiveList<SlotWaiter> queue_;
  std::uint32_t requests_ = 0;
  record::Cause drained_for_ = record::Cause::unknown;
  RandomBits random_;
  Balancer balancer_;
};

}  // namespace finack::gateway
