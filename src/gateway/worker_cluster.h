#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "client/pool.h"
#include "finack/http/message.h"
#include "gateway/balancer.h"
#include "gateway/cluster.h"
#include "net/loop.h"

namespace finack::gateway {

/// What a worker's part of the gateway runs on. All outlive it.
struct WorkerParts {
  net::Loop* loop = nullptr;
  record::Ledger* ledger = nullptr;
  record::ConnectionIds* ids = nullptr;
  net::Resolver* resolver = nullptr;
  std::uint32_t worker = 0;
  Nanos wall_offset{0};
  /// Called at the end of a turn in which the gateway became empty(), once it was told to close.
  std::function<void()> emptied{};
};

/// One worker's share of a cluster: a pool to each of its servers, and the choice among them. Loop
/// thread only.
class WorkerCluster {
 public:
  /// `emptied` is called when empty() may have become true.
  WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster,
                const std::function<void()>& emptied);

  Cluster& cluster() { return *cluster_; }
  const Cluster& cluster() const { return *cluster_; }
  client::Pool& pool(std::size_t server) { return *pools_[server]; }
  /// The server for a try: one of `tried` (the last one stands last) only when no other is
  /// available; nothing: none is.
  std::optional<std::size_t> pick(const http::RequestHead& head, const Address& client,
                                  std::span<const std::size_t> tried);
  void observe(std::size_t server, Nanos latency) {
    latencies_[server].observe(latency, loop_.now());
  }
  std::uint64_t draw() { return random_(); }

  /// A request of this worker begins, or is done.
  void enter();
  void leave();
  /// Keeps no connection any more; requests are served as before.
  void drain(record::Cause cause);
  /// Ends all connections now.
  void cut(record::Cause cause);
  /// Neither a request nor a connection is left.
  bool empty() const;

 private:
  net::Loop& loop_;
  std::shared_ptr<Cluster> cluster_;
  std::function<void()> emptied_;
  std::vector<std::unique_ptr<client::Pool>> pools_;
  std::vector<PeakEwma> latencies_;
  std::vector<Candidate> candidates_;  ///< Scratch.
  std::uint32_t requests_ = 0;
  std::mt19937_64 random_;
  Balancer balancer_;
};

}  // namespace finack::gateway
