#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "finack/base/clock.h"

namespace finack::gateway {

/// The server's waits, by the names and with the defaults of server::Timeouts, which they are
/// copied to; 0: none. docs/endings.md says when each starts, restarts and stops.
struct ListenerTimeouts {
  Nanos first_byte = std::chrono::seconds(10);
  Nanos head = std::chrono::seconds(10);
  Nanos body_idle = std::chrono::seconds(30);
  Nanos body_total{0};
  Nanos handler{0};
  Nanos handler_stall = std::chrono::seconds(60);
  Nanos response_stall = std::chrono::seconds(30);
  Nanos response_total{0};
  Nanos flush = std::chrono::seconds(10);
  Nanos idle = std::chrono::seconds(75);
  Nanos idle_margin = std::chrono::seconds(1);
  Nanos lifetime{0};
  Nanos drain = std::chrono::seconds(30);
  Nanos drain_delay{0};
  Nanos linger = std::chrono::seconds(5);

  friend bool operator==(const ListenerTimeouts&, const ListenerTimeouts&) = default;
};

/// What a client may cost, by the names and with the defaults of server::Limits.
struct ListenerLimits {
  std::uint64_t min_rate = 0;  ///< Bytes a second while a head or body is read, over 5 s; 0: none.
  std::size_t head_bytes = 32 * 1024;
  std::size_t headers = 128;
  std::size_t target_bytes = 8 * 1024;
  std::uint64_t body_bytes = 10 * 1024 * 1024;
  std::size_t trailer_bytes = 8 * 1024;
  std::uint32_t requests_per_connection = 0;  ///< 0: no limit.
  std::uint32_t connections = 100'000;        ///< Over all workers; 0: no limit.
  std::uint32_t connections_per_address = 0;  ///< Over all workers; 0: no limit.
  std::size_t write_buffer_bytes = 256 * 1024;
  std::size_t read_buffer_bytes = 256 * 1024;

  friend bool operator==(const ListenerLimits&, const ListenerLimits&) = default;
};

/// What a client's FIN means while its request is under way.
enum class ClientHalfClose : std::uint8_t {
  probe,    ///< Ask the kernel by an interim 100.
  cancel,   ///< A full close.
  tolerate  ///< Serve on; the response is the proof.
};

/// One address where clients connect.
struct ListenerSettings {
  std::string address;  ///< As net::Listener takes it. Never empty once read.
  std::string name;     ///< In records and metrics; empty: the address.
  ListenerTimeouts timeouts;
  ListenerLimits limits;
  ClientHalfClose client_half_close = ClientHalfClose::probe;
  Nanos tcp_keepalive = std::chrono::seconds(60);  ///< Silence before probes; 0: off.
  Nanos tcp_user_timeout{0};                       ///< 0: the system's.
  int backlog = 4096;
  bool keep_alive_header = true;  ///< Send `Keep-Alive: timeout=…, max=…`.
  std::string server_header;      ///< `Server:` value; empty: none.

  friend bool operator==(const ListenerSettings&, const ListenerSettings&) = default;
};

}  // namespace finack::gateway
