#pragma once
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "client/pool.h"
#include "finack/base/intrusive_list.h"
#include "gateway/cluster.h"
#include "net/loop.h"

namespace finack::gateway {

/// What a worker's part of the gateway runs on. All outlive it.
struct WorkerParts {
  net::Loop* loop = nullptr;
  record::Ledger* ledger = nullptr;
  record::ConnectionIds* ids = nullptr;
  Nanos wall_offset{0};
};

/// One worker's share of a cluster: a pool to each of its servers. Loop thread only.
class WorkerCluster {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  WorkerCluster(const WorkerParts& parts, std::shared_ptr<Cluster> cluster);

  Cluster& cluster() { return *cluster_; }
  client::Pool& pool(std::size_t server) { return *pools_[server]; }
  /// The server for a try, by two random choices weighed by what is under way; not one of `tried`
  /// (a bit each) while another is available. kNone: none is available.
  std::size_t pick(std::uint64_t tried);
  std::uint64_t draw() { return random_(); }
  /// Closes what is free now, and the rest when it is.
  void close(record::Cause cause);
  bool empty() const;

 private:
  bool usable(std::size_t server, std::uint64_t tried, bool backup, Instant now) const;
  std::size_t choose(std::uint64_t tried, bool backup, Instant now);

  net::Loop& loop_;
  std::shared_ptr<Cluster> cluster_;
  std::vector<std::unique_ptr<client::Pool>> pools_;
  std::minstd_rand random_;
};

}  // namespace finack::gateway
