#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "finack/base/clock.h"
#include "gateway/health_settings.h"

// Names and defaults are those of the rules in the client layer that they are copied to.

namespace finack::gateway {

struct UpstreamServerSettings {
  std::string address;       ///< "127.0.0.1:9001", "name:9001", "unix:/path". Never empty.
  std::uint32_t weight = 1;  ///< Its share, against the other servers'.
  bool backup = false;       ///< Used only while no other server is available.

  friend bool operator==(const UpstreamServerSettings&, const UpstreamServerSettings&) = default;
};

/// One setting per wait of the client role (docs/endings.md); 0: none.
struct ClientTimeouts {
  Nanos resolve = std::chrono::seconds(5);
  Nanos connect = std::chrono::seconds(5);
  Nanos tls = std::chrono::seconds(10);
  Nanos send = std::chrono::seconds(30);
  Nanos first_response_byte = std::chrono::seconds(60);
  Nanos response_idle = std::chrono::seconds(30);
  Nanos try_{0};           ///< Budget of one try; the key is `try`.
  Nanos request_total{0};  ///< Budget of a request, all tries.
  Nanos queue = std::chrono::seconds(10);
  Nanos tunnel_idle = std::chrono::hours(1);

  friend bool operator==(const ClientTimeouts&, const ClientTimeouts&) = default;
};

enum class Balance : std::uint8_t { round_robin, least_requests, p2c_ewma, consistent_hash };

/// What consistent hashing goes by: the header or cookie, whichever is named, else the client's
/// address.
struct HashSettings {
  std::string header;
  std::string cookie;
  /// A server takes at most this share of the mean load before the next on the ring is asked
  /// (bounded load); 0: no bound.
  std::uint32_t load_percent = 125;

  friend bool operator==(const HashSettings&, const HashSettings&) = default;
};

/// Limits of the connections to one server; 0: none, where not said otherwise.
struct PoolSettings {
  std::uint32_t connections = 0;              ///< Over all workers.
  std::uint32_t requests_per_connection = 0;  ///< Then it is retired.
  Nanos age{0};                               ///< Then it is retired when free.
  Nanos idle = std::chrono::seconds(60);      ///< What is learned of a server is shorter.
  std::uint32_t free_connections = 64;        ///< Kept per worker and server; 0: none.

  friend bool operator==(const PoolSettings&, const PoolSettings&) = default;
};

/// Full jitter: before retry n a wait drawn from [0, min(most, base · 2^(n−1))].
struct BackoffSettings {
  Nanos base = std::chrono::milliseconds(25);
  Nanos most = std::chrono::milliseconds(250);

  friend bool operator==(const BackoffSettings&, const BackoffSettings&) = default;
};

/// How many of a cluster's live requests may be retries.
struct BudgetSettings {
  std::uint32_t percent = 20;
  std::uint32_t least = 3;  ///< So many are always allowed.

  friend bool operator==(const BudgetSettings&, const BudgetSettings&) = default;
};

struct RetrySettings {
  std::uint32_t tries = 3;    ///< In all, the first included; 1: no retries.
  bool on_timeout = false;    ///< Also after timeout.first_response_byte, response_idle and try.
  std::vector<int> statuses;  ///< 500 to 563: retried for idempotent requests.
  BackoffSettings backoff;
  BudgetSettings budget;

  friend bool operator==(const RetrySettings&, const RetrySettings&) = default;
};

/// What a cluster may have under way, over all workers; 0: no limit.
struct BreakerLimits {
  std::uint32_t connections = 0;
  std::uint32_t pending = 0;  ///< Requests that wait for a connection.
  std::uint32_t requests = 0;
  std::uint32_t retries = 0;

  friend bool operator==(const BreakerLimits&, const BreakerLimits&) = default;
};

struct BreakerSettings {
  BreakerLimits limits;
  std::uint32_t consecutive_failures = 0;  ///< Opens after this many in a row; 0: never.
  std::uint32_t failure_percent = 0;       ///< Opens at this share of a window's; 0: never.
  std::uint32_t least_requests = 20;       ///< A window with fewer says nothing.
  Nanos window = std::chrono::seconds(10);
  Nanos open_for = std::chrono::seconds(5);  ///< Doubles with each failed probe, up to 16 times.
  std::uint32_t probes = 1;                  ///< Let through while half open, at a time.
  std::uint32_t probe_successes = 2;         ///< In a row, to close again.

  friend bool operator==(const BreakerSettings&, const BreakerSettings&) = default;
};

struct UpstreamTlsSettings {
  std::string ca;           ///< File of trusted certificates; empty: the system's.
  std::string server_name;  ///< SNI, and what the certificate must be for; empty: the server's.
  bool verify = true;
  std::string certificate;  ///< File of ours, with its chain; empty: none.
  std::string key;          ///< File of its key.
  std::vector<std::string> alpn = {"http/1.1"};

  friend bool operator==(const UpstreamTlsSettings&, const UpstreamTlsSettings&) = default;
};

enum class AddressFamily : std::uint8_t { any, v4, v6 };

/// How the names of servers become addresses.
struct ResolveSettings {
  Nanos refresh{0};                       ///< 0: by the records' TTL.
  Nanos least = std::chrono::seconds(1);  ///< A shorter TTL counts as this,
  Nanos most = std::chrono::hours(1);     ///< and a longer one as this.
  AddressFamily family = AddressFamily::any;
  bool all_addresses = true;  ///< Each address is a server of its own.

  friend bool operator==(const ResolveSettings&, const ResolveSettings&) = default;
};

/// What of a response is taken before the server counts as broken.
struct ResponseLimitSettings {
  std::size_t head_bytes = 64 * 1024;
  std::size_t headers = 256;
  std::uint32_t interims = 256;  ///< 1xx heads before the final one.
  std::size_t trailer_bytes = 16 * 1024;
  std::size_t trailers = 64;

  friend bool operator==(const ResponseLimitSettings&, const ResponseLimitSettings&) = default;
};

/// Servers that answer the same requests.
struct ClusterSettings {
  std::string name;
  std::vector<UpstreamServerSettings> servers;  ///< Never empty once read.
  Balance balance = Balance::p2c_ewma;
  HashSettings hash;
  ClientTimeouts timeouts;
  ResponseLimitSettings limits;
  PoolSettings pool;
  RetrySettings retry;
  BreakerSettings breaker;
  HealthSettings health;
  std::uint32_t queue_limit = 1024;        ///< Requests that may wait for a slot; 0: none.
  std::optional<UpstreamTlsSettings> tls;  ///< None: plain text.
  ResolveSettings resolve;
  Nanos tcp_keepalive = std::chrono::seconds(60);  ///< Silence before probes; 0: off.
  Nanos tcp_user_timeout{0};                       ///< 0: the system's.

  friend bool operator==(const ClusterSettings&, const ClusterSettings&) = default;
};

}  // namespace finack::gateway
