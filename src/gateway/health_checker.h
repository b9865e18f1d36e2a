#pragma once
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "gateway/plan.h"
#include "gateway/server_check.h"

namespace finack::gateway {

/// One worker's share of the process's health checks: of all workers, one checks a server of a
/// cluster with health.active. Threads as for ServerCheck.
class HealthChecker {
 public:
  /// `emptied` is called when sweep() has something to do.
  HealthChecker(const WorkerParts& parts, std::function<void()> emptied);

  /// Checks the servers of `plan`: clusters that were there before go on as they are, those of
  /// which it knows nothing are checked no more.
  void adopt(const Plan& plan);
  /// Servers of the plan's clusters came or left: checks those that there are now.
  void follow_servers();
  /// Makes no check any more, and ends those under way.
  void stop(record::Cause cause);
  /// Forgets clusters that are gone.
  void sweep();
  /// Nothing is left on the loop that a stop would wait for.
  bool empty() const;

 private:
  bool mine(const Cluster& cluster, const client::UpstreamServer& server, std::size_t place) const;
  void follow(const std::shared_ptr<Cluster>& cluster);

  WorkerParts parts_;
  std::function<void()> emptied_;
  std::mt19937_64 random_;
  std::vector<std::shared_ptr<Cluster>> clusters_;  ///< That have checks.
  std::vector<std::unique_ptr<ServerCheck>> checks_;
  bool stopped_ = false;
};

}  // namespace finack::gateway
