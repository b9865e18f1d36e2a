#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "finack/base/clock.h"

namespace finack::server {

/// One setting per wait; each covers exactly that wait. Zero means none. Where a zero is dangerous,
/// start-up warns. The causes of docs/endings.md carry the same names. "starts · restarts · stops"
/// says what starts the wait, what starts it again ("–": nothing), and what ends it.
struct Timeouts {
  Nanos first_byte = std::chrono::seconds(10);  ///< accept · – · first byte
  Nanos head = std::chrono::seconds(10);        ///< first byte of a head · – · head complete
  Nanos body_idle = std::chrono::seconds(30);   ///< we wait for body bytes · each byte · complete
  Nanos body_total{0};                          ///< head complete · – · body complete
  Nanos handler{0};                             ///< handler starts · – · first response byte
  /// response started, and the handler owes bytes · each byte · finish
  Nanos handler_stall = std::chrono::seconds(60);
  /// bytes wait for the client's window · acknowledged progress · sent
  Nanos response_stall = std::chrono::seconds(30);
  Nanos response_total{0};                      ///< first response byte · – · last handed over
  Nanos flush = std::chrono::seconds(10);       ///< closing, bytes unacknowledged · progress · all
                                                ///< acknowledged
  Nanos idle = std::chrono::seconds(75);        ///< response done · – · next byte
  Nanos idle_margin = std::chrono::seconds(1);  ///< we close this much after the advertised idle
  Nanos lifetime{0};                            ///< budget of a connection
  Nanos drain = std::chrono::seconds(30);       ///< budget of a drain
  Nanos drain_delay{0};  ///< between readiness going false and listeners stopping
  /// how long we discard what a client still sends after our FIN
  Nanos linger = std::chrono::seconds(5);

  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

/// What one client, or all of them, may take. Sizes are in bytes.
struct Limits {
  std::uint64_t min_rate = 0;  ///< Bytes a second while we read a head or body, over 5 s; 0: none.
  std::size_t head_bytes = 32 * 1024;           ///< A request's line and fields; beyond: 431.
  std::size_t headers = 128;                    ///< Fields of a head; beyond: 431.
  std::size_t target_bytes = 8 * 1024;          ///< The request target; beyond: 414.
  std::uint64_t body_bytes = 10 * 1024 * 1024;  ///< A request body; beyond: 413.
  std::size_t trailer_bytes = 8 * 1024;         ///< The fields behind a chunked body; beyond: 431.
  std::uint32_t requests_per_connection = 0;    ///< 0: no limit.
  std::uint32_t connections = 100'000;          ///< In all, over all workers; 0: no limit.
  /// Per client address, over all workers; 0: no limit.
  std::uint32_t connections_per_address = 0;
  std::size_t write_buffer_bytes = 256 * 1024;  ///< Response bytes held per request before `wait`.
  std::size_t read_buffer_bytes = 256 * 1024;  ///< Unread request bytes held before reading pauses.

  friend bool operator==(const Limits&, const Limits&) = default;
};

/// What a client's FIN means while its handler runs: ask the kernel by an interim 100, take it for
/// a full close, or serve on and let the response be the proof.
enum class HalfClose : std::uint8_t { probe, cancel, tolerate };

/// How a server treats its connections; read when it is made. The gateway's reload gives listeners
/// others.
struct Settings {
  Timeouts timeouts;
  Limits limits;
  HalfClose client_half_close = HalfClose::probe;
  Nanos tcp_keepalive = std::chrono::seconds(60);      ///< Idle time before probes; 0: off.
  Nanos tcp_user_timeout{0};                           ///< 0: the system's.
  Nanos loop_blocked = std::chrono::milliseconds(50);  ///< The watchdog's limit; 0: off.
  int backlog = 4096;             ///< Connections that may wait to be accepted, per socket.
  bool keep_alive_header = true;  ///< Send `Keep-Alive: timeout=…, max=…`.
  std::string server_header;      ///< `Server:` value; empty: none.
  /// Where a file has these settings, for evidence: "listeners[0]."; nullptr: they are flags. Lives
  /// as long as the process.
  const char* path = nullptr;

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace finack::server
