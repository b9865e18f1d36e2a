#pragma once
#include <cstdint>
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
};

/// One worker's share of a cluster: a pool to each of its servers, and the choice among them. Loop
/// thread only.
class WorkerCluster {
 public:
  WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster);

  Cluster& cluster() { return *cluster_; }
  client::Pool& pool(std::size_t server) { return *pools_[server]; }
  /// The server for a try, not one of `tried`; nothing: none is left.
  std::optional<std::size_t> pick(const http::RequestHead& head, const Address& client,
                                  std::span<const std::size_t> tried);
  void observe(std::size_t server, Nanos latency) {
    latencies_[server].observe(latency, loop_.now());
  }
  std::uint64_t draw() { return random_(); }
  /// Closes what is free now, and the rest when it is.
  void close(record::Cause cause);
  /// Ends all connections now.
  void cut(record::Cause cause);
  bool empty() const;

 private:
  net::Loop& loop_;
  std::shared_ptr<Cluster> cluster_;
  std::vector<std::unique_ptr<client::Pool>> pools_;
  std::vector<PeakEwma> latencies_;
  std::vector<Candidate> candidates_;  ///< Scratch.
  std::mt19937_64 random_;
  Balancer balancer_;
};

}  // namespace finack::gateway
