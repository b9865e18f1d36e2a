#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "finack/base/address.h"
#include "finack/base/byte_stream.h"
#include "finack/base/clock.h"
#include "finack/record/ending.h"

namespace finack::record {

/// One event of a connection's flight recorder, unpacked.
struct FlightEvent {
  std::uint64_t at_us = 0;  ///< Since the connection opened; about 0.1 % exact.
  std::string_view event;   ///< "phase", "bytes_in", "bytes_out", "timer", "end"
  std::string_view word;    ///< Phase, timer or end kind where the event has one. Lives as long as
                            ///< the process, as `event` does.
  std::uint64_t value = 0;  ///< Bytes, about 2 % exact; 0 where the event has none.
};

/// Process-wide unique: `boot` differs between runs, `worker` and `sequence` count from 0 and 1.
struct ConnectionId {
  std::uint32_t boot = 0;
  std::uint32_t worker = 0;
  std::uint64_t sequence = 0;
};

/// How long an upstream's server keeps idle connections, as far as was known when one of them
/// ended. Negative: not known, or (used) no limit.
struct KeepAliveLimits {
  Nanos advertised{-1};  ///< By its `Keep-Alive: timeout=`.
  Nanos observed{-1};    ///< From its idle closes.
  Nanos used{-1};        ///< What the pool went by.
  bool valid = false;    ///< Set for dialed connections that ended idle or stale.
};

/// One ended connection. Views are valid during the call they are passed to.
struct ConnectionRecord {
  ConnectionId id;
  Role role = Role::server;
  Purpose purpose = Purpose::traffic;
  std::string_view listener;  ///< As configured, e.g. "127.0.0.1:8080".
  std::string_view protocol;  ///< "http/1.1", "http/1.0", or "" when no head was read.
  Address local;
  Address peer;
  WallTime opened;
  WallTime ended;
  std::uint64_t requests = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  Ending ending;
  /// The other side's, where this one ended in a proxied request or right behind its answer;
  /// sequence 0: none. Of an accepted one: of the request's last try.
  ConnectionId other_leg;
  TcpFacts tcp;
  KeepAliveLimits keep_alive;
  std::span<const FlightEvent> events;  ///< Oldest first; empty on normal endings.
};

/// One try of a proxied request, on a dialed connection.
struct UpstreamTry {
  Address address;          ///< The server dialed; family none: no address was reached.
  ConnectionId connection;  ///< sequence 0: it ended before it had one.
  Cause cause = Cause::unknown;
  std::uint16_t attempt = 0;  ///< From 1.
  bool reused = false;        ///< The connection had served a request before, or stood ready.
  Nanos duration{0};
};

/// One ended request.
struct RequestRecord {
  ConnectionId connection;
  std::uint32_t number = 0;  ///< On its connection, from 1. Its id is "<connection>.<number>".
  Role role = Role::server;
  Purpose purpose = Purpose::traffic;
  std::string_view method;      ///< "" when the head was cut or refused before it.
  std::string_view target;      ///< As received; cut at 1 024 bytes.
  std::string_view route;       ///< The route's pattern, "" when none matched.
  std::string_view exception;   ///< What the handler threw, cut at 256 bytes.
  std::string_view request_id;  ///< X-Request-Id where middleware set one, cut at 128 bytes.
  std::uint16_t status = 0;     ///< 0: no response was started.
  WallTime started;
  Nanos duration{0};
  Nanos time_to_first_byte{-1};  ///< Negative: no response byte.
  std::uint64_t bytes_in = 0;    ///< Body bytes read.
  std::uint64_t bytes_out = 0;   ///< Head and body bytes taken by the kernel.
  Ending ending;
  ConnectionId other_leg;                 ///< Of a try: the client's connection; sequence 0: none.
  std::uint32_t other_number = 0;         ///< And the request's number on it.
  std::span<const UpstreamTry> upstream;  ///< Oldest first; of many the last 8 are kept.
};

/// A finding ends nothing; it is counted and reported on its own.
struct FindingRecord {
  Finding finding = Finding::loop_blocked;
  std::uint32_t worker = 0;
  ConnectionId connection;  ///< sequence 0: none.
  std::string_view route;
  WallTime at;
  Nanos duration{0};
};

class Doorbell;

/// Reads records. Must not block: what may (a pipe, a disk) is written by a thread of the sink's
/// own, or all other sinks wait with it. Called on the drainer's thread, one call at a time. The
/// second implementation rule is met by record lines, console and metrics.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_connection(const ConnectionRecord&) = 0;
  virtual void on_request(const RequestRecord&) = 0;
  virtual void on_finding(const FindingRecord&) = 0;
  /// Records were lost because the ring was full.
  virtual void on_dropped(std::uint64_t count) = 0;
  /// The drainer has emptied all rings: write out what is buffered, sum up what is due.
  virtual void flush(WallTime now) = 0;
  /// Close and open the files again (SIGUSR1, after a rotation). By default nothing.
  virtual void reopen() {}
  /// False: no record can be taken now, and none may be lost (--records-overflow block). The
  /// drainer then leaves records in the rings, of which no sink gets any, until the sink has rung.
  virtual bool has_room() { return true; }
  /// What a sink without room rings when it has some again; nullptr: nothing any more. By default
  /// ignored.
  virtual void attach(Doorbell*) {}
};

}  // namespace finack::record
