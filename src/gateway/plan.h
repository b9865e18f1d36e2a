#pragma once
#include <memory>
#include <vector>

#include "finack/base/error.h"
#include "finack/http/exchange.h"
#include "gateway/cluster.h"
#include "gateway/settings.h"

namespace finack::gateway {

/// What the gateway does, made from its settings: validated, complete, and never changed after. A
/// reload makes another. Any thread.
class Plan {
 public:
  struct Route {
    RouteSettings settings;
    http::RouteLabel label;
    std::shared_ptr<Cluster> cluster;  ///< nullptr: it answers by itself.
  };

  static Expected<std::shared_ptr<const Plan>> create(GatewaySettings settings);

  const GatewaySettings& settings() const { return settings_; }
  const std::vector<std::shared_ptr<Cluster>>& clusters() const { return clusters_; }
  /// nullptr: no route takes it.
  const Route* find(const http::RequestHead& head) const;

 private:
  explicit Plan(GatewaySettings settings) : settings_(std::move(settings)) {}

  GatewaySettings settings_;
  std::vector<std::shared_ptr<Cluster>> clusters_;
  std::vector<Route> routes_;
};

}  // namespace finack::gateway
