#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "gateway/alignment.h"

namespace finack::gateway {

/// A wait in force and who set it; 0: none.
struct WaitInForce {
  std::string path;
  Nanos value;

  bool limited() const { return value > Nanos{0}; }
  AlignedSetting setting() const;
};

/// A cluster as one route uses it: the route's waits and retries where it has some of its own.
class ClusterUse {
 public:
  /// `route` may be nullptr: the cluster as it is.
  ClusterUse(const ClusterSettings& cluster, const RouteSettings* route, std::string route_path)
      : cluster_(&cluster), route_(route), route_path_(std::move(route_path)) {}

  const ClusterSettings& cluster() const { return *cluster_; }
  std::string path(std::string_view key) const;
  WaitInForce connect() const;
  WaitInForce first_response_byte() const;
  WaitInForce response_idle() const;
  WaitInForce one_try() const;
  WaitInForce request_total() const;
  WaitInForce tunnel_idle() const;
  std::uint32_t tries() const;
  AlignedSetting tries_setting() const;
  bool on_timeout() const;
  /// Whether a route that uses it lets requests become tunnels.
  bool tunnels = false;

 private:
  WaitInForce wait(std::string_view key, Nanos ClientTimeouts::* field,
                   std::optional<Nanos> RouteTimeouts::* override) const;

  const ClusterSettings* cluster_;
  const RouteSettings* route_;
  std::string route_path_;
};

/// Every cluster as it is, where a route uses it so or none uses it at all, and once for each route
/// with waits or retries of its own.
std::vector<ClusterUse> cluster_uses(const GatewaySettings& settings);

// The rules by what they look at; each adds what it finds.
void align_cluster_use(const ClusterUse& use, std::vector<Misalignment>& out);
void align_cluster(const ClusterSettings& cluster, std::vector<Misalignment>& out);
void align_listener(const ListenerSettings& listener, const std::string& path,
                    std::vector<Misalignment>& out);
void align_listener_with(const ListenerSettings& listener, const std::string& path,
                         const ClusterUse& use, std::vector<Misalignment>& out);

}  // namespace finack::gateway
