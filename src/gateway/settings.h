#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "gateway/cluster_settings.h"
#include "gateway/listener_settings.h"
#include "gateway/route_settings.h"

namespace finack::gateway {

/// How the upstream learns of the client.
enum class ForwardedHeaders : std::uint8_t {
  x_forwarded,  ///< X-Forwarded-For, -Host, -Proto
  forwarded,    ///< Forwarded (RFC 7239)
  both,
  none
};

/// What `finack serve` does, as its file says it: plain values, made and checked by
/// settings_table.h. Addresses of the process's own listeners (admin, probes), workers, records and
/// console are settings of the process.
struct GatewaySettings {
  std::vector<ListenerSettings> listeners;
  std::vector<ClusterSettings> clusters;
  std::vector<RouteSettings> routes;  ///< The most specific match wins, then the first.

  /// Proxies whose Forwarded and X-Forwarded-* are believed, as addresses or "10.0.0.0/8"; what
  /// others say there is dropped.
  std::vector<std::string> trusted_proxies;
  ForwardedHeaders forwarded = ForwardedHeaders::x_forwarded;
  bool request_id = true;                 ///< Give requests an X-Request-Id that have none.
  bool proxy_status = false;              ///< Tell clients the cause by Proxy-Status (RFC 9209).
  std::string via = "finack";             ///< Our name in Via and Proxy-Status; empty: no Via.
  std::string buffer_directory = "/tmp";  ///< Where buffers go that memory is too small for.

  friend bool operator==(const GatewaySettings&, const GatewaySettings&) = default;
};

}  // namespace finack::gateway
