#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "finack/base/error.h"
#include "gateway/cluster.h"
#include "gateway/forwarding.h"
#include "gateway/router.h"
#include "gateway/settings.h"

namespace finack::gateway {

/// A cluster as one route uses it: its own waits and retries before the cluster's.
struct Destination {
  std::shared_ptr<Cluster> cluster;
  client::Timeouts timeouts;
  client::RetryRules retry;
  Nanos try_budget{0};  ///< 0: none, for all three.
  Nanos request_total{0};
  Nanos queue{0};
};

/// What the gateway does, made from its settings: validated, complete, and never changed after. A
/// reload makes another. Any thread.
class Plan {
 public:
  /// `mark` tells this process from others of its name (Via). Clusters whose settings, and the
  /// files that they name, are those of `before` are taken over from it, with their connections,
  /// health and breaker. The error names
  /// the place in the settings.
  static Expected<std::shared_ptr<const Plan>> create(const GatewaySettings& settings,
                                                      std::string_view mark,
                                                      const Plan* before = nullptr);

  const Router& router() const { return router_; }
  const Forwarding& forwarding() const { return forwarding_; }
  /// Where buffers go that memory is too small for.
  const std::string& buffer_directory() const { return buffer_directory_; }
  const std::vector<std::shared_ptr<Cluster>>& clusters() const { return clusters_; }
  /// Where a route, or one branch of its split, leads.
  const Destination& destination(const Route& route, std::size_t branch) const {
    return destinations_[route.index][branch];
  }

 private:
  Plan(const GatewaySettings& settings, Router router, std::string_view mark)
      : router_(std::move(router)),
        forwarding_(settings, mark),
        buffer_directory_(settings.buffer_directory) {}
  Expected<void> add_cluster(const ClusterSettings& settings, const Plan* before);
  Expected<void> connect_routes();

  Router router_;
  Forwarding forwarding_;
  std::string buffer_directory_;
  std::vector<std::shared_ptr<Cluster>> clusters_;
  std::vector<std::vector<Destination>> destinations_;  ///< By Route::index.
};

}  // namespace finack::gateway
