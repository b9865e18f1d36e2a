#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/learned_keepalive.h"
#include "client/server_health.h"
#include "finack/base/clock.h"
#include "net/dial.h"
#include "net/resolver.h"
#include "net/tls_stream.h"

namespace finack::client {

/// Where a server is and how it is spoken to.
struct UpstreamTarget {
  UpstreamTarget() = default;
  UpstreamTarget(net::DialTarget address) { addresses.push_back(std::move(address)); }
  UpstreamTarget(std::string host_, std::uint16_t port_) : host(std::move(host_)), port(port_) {}

  /// Dialed in this order until one connects (RFC 8305). Empty: `host` is resolved for each dial.
  std::vector<net::DialTarget> addresses;
  std::string host;
  std::uint16_t port = 0;
  net::LookupOptions lookup;  ///< How `host` is asked for; as long as the dial's timeouts say.
  std::shared_ptr<net::TlsContext> tls;  ///< nullptr: plaintext.
  net::TlsPeer tls_peer;
  net::DialOptions dial;  ///< Of each dial but for its timeout.
};

/// One server of a cluster, as all workers of the process share it: where it is, its health, what
/// is known of its keep-alive, and how much is under way. Any thread.
struct UpstreamServer {
  UpstreamServer(std::string name_, UpstreamTarget target_, const HealthRules& rules,
                 std::shared_ptr<EjectionQuota> quota_, Nanos own_keep_alive)
      : name(std::move(name_)),
        target(std::move(target_)),
        quota(std::move(quota_)),
        health(rules, *quota),
        keep_alive(own_keep_alive) {}

  /// What Host says where the request has none of its own.
  std::string_view host() const {
    const std::string& address = origin.empty() ? name : origin;
    return address.starts_with("unix:") ? std::string_view("localhost") : std::string_view(address);
  }

  /// Not the same for any two servers of this process, also of those that are gone.
  const std::uint64_t number = next_number();
  const std::string name;  ///< As records and metrics name it: "127.0.0.1:9001".
  const UpstreamTarget target;
  std::uint32_t weight = 1;
  bool backup = false;  ///< Used only while no other server is available.
  /// The name it was found by, "api.example:9001"; empty: it stands for itself. Like weight and
  /// backup it is set before others see it.
  std::string origin;

  /// Its cluster's: whoever holds a server may hold it longer than the cluster lives.
  const std::shared_ptr<EjectionQuota> quota;
  ServerHealth health;
  LearnedKeepAlive keep_alive;
  std::atomic<std::uint32_t> requests_live{0};     ///< Tries under way.
  std::atomic<std::uint32_t> connections_live{0};  ///< Dialing, busy and pooled.
  std::atomic<std::uint32_t> connections_free{0};  ///< Of them, those that wait for a request.
  /// Workers of which somebody waits for a connection that the limit does not allow.
  std::atomic<std::uint32_t> places_wanted{0};
  std::atomic<Nanos::rep> rtt{0};  ///< Smoothed round trip; 0: not known.

  /// Takes a place for one connection; false: there are `most` already (0: no limit).
  bool take_connection(std::uint32_t most) {
    std::uint32_t live = connections_live.load(std::memory_order_relaxed);
    do {
      if (most != 0 && live >= most) return false;
    } while (!connections_live.compare_exchange_weak(live, live + 1, std::memory_order_relaxed));
    return true;
  }
  void give_connection() { connections_live.fetch_sub(1, std::memory_order_relaxed); }

 private:
  static std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
  }
};

}  // namespace finack::client
