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

/// What the gateway does, made from its settings: validated, complete, and never changed after. A
/// reload makes another. Any thread.
class Plan {
 public:
  /// `mark` tells this process from others of its name (Via). The error names the place in the
  /// settings.
  static Expected<std::shared_ptr<const Plan>> create(GatewaySettings settings,
                                                      std::string_view mark);

  const Router& router() const { return router_; }
  const Forwarding& forwarding() const { return forwarding_; }
  const std::vector<std::shared_ptr<Cluster>>& clusters() const { return clusters_; }
  /// The cluster of a route, or of one branch of its split.
  const std::shared_ptr<Cluster>& cluster(const Route& route, std::size_t branch) const {
    return route_clusters_[route.index][branch];
  }

 private:
  Plan(const GatewaySettings& settings, Router router, std::string_view mark)
      : router_(std::move(router)), forwarding_(settings, mark) {}
  Expected<void> connect_routes();

  Router router_;
  Forwarding forwarding_;
  std::vector<std::shared_ptr<Cluster>> clusters_;
  std::vector<std::vector<std::shared_ptr<Cluster>>> route_clusters_;  ///< By Route::index.
};

}  // namespace finack::gateway
