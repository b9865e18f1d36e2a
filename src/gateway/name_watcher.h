#pragma once
#include <memory>
#include <random>
#include <vector>

#include "gateway/name_watch.h"
#include "gateway/plan.h"

namespace finack::gateway {

/// One worker's share of the names that the process asks for: of all workers, one asks for a name.
/// Threads as for NameWatch.
class NameWatcher {
 public:
  explicit NameWatcher(const WorkerParts& parts);

  /// Asks for the names of `plan`: clusters that were there before go on as they are, those of
  /// which it knows nothing are asked for no more.
  void adopt(const Plan& plan);
  /// Asks no more.
  void stop();

 private:
  bool mine(const Cluster& cluster, const ServerName& name) const;

  WorkerParts parts_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<NameWatch>> watches_;
  bool stopped_ = false;
};

}  // namespace finack::gateway
