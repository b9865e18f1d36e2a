#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "finack/base/clock.h"
#include "finack/http/response_parser.h"
#include "finack/record/record.h"
#include "finack/record/timer_kind.h"

namespace finack::client {

/// One setting per wait, as docs/endings.md lists them for dialed connections; 0: none.
struct Timeouts {
  Nanos resolve = std::chrono::seconds(5);
  Nanos connect = std::chrono::seconds(5);
  Nanos tls = std::chrono::seconds(10);
  Nanos send = std::chrono::seconds(30);
  Nanos first_response_byte = std::chrono::seconds(60);
  Nanos response_idle = std::chrono::seconds(30);
  Nanos tunnel_idle = std::chrono::hours(1);

  // Whose they are, for evidence: the cluster's "clusters.api.", or, where its TimerKind's bit is
  // set, the route's "routes[2].". They live as long as the process; nullptr: nobody's.
  const char* cluster = nullptr;
  const char* route = nullptr;
  std::uint32_t by_route = 0;
  const char* owner(record::TimerKind timer) const {
    return (by_route >> static_cast<unsigned>(timer) & 1) != 0 ? route : cluster;
  }
};

/// How far a response is.
enum class Progress : std::uint8_t {
  more,      ///< More of it is to come.
  complete,  ///< That was all.
  unproved,  ///< The end of the stream ended the body (upstream.body_end_unproved).
  cut        ///< Likewise, by a FIN without close_notify: it is incomplete (RFC 9112 9.8).
};

/// Receives what a connection has for the request that uses it. Calls come on the loop thread,
/// never from inside a call into the connection. After anything but Progress::more, and after
/// on_connection_end, the connection is not the user's any more.
class ConnectionUser {
 public:
  /// A 1xx head other than 101.
  virtual void on_interim(const http::ReceivedResponse& head) = 0;
  /// The final head, with what of the body came along. The views live during the call.
  virtual void on_response(const http::ReceivedResponse& head, std::string_view body,
                           Progress progress) = 0;
  /// More of the body; trailers come with its end. The views live during the call.
  virtual void on_body(std::string_view bytes, Progress progress,
                       std::span<const http::Header> trailers) = 0;
  /// Bytes behind 101 or CONNECT's 2xx.
  virtual void on_tunnel_bytes(std::string_view bytes) = 0;
  /// The server finished its direction of a tunnel.
  virtual void on_tunnel_fin() = 0;
  /// The connection ended, and the request with it. It is not the user's any more. A tunnel that
  /// both sides finished ends this way too, with ok.tunnel_done.
  virtual void on_connection_end(const record::Ending& ending) = 0;
  /// Room again after write() said wait.
  virtual void on_write_ready() = 0;
  /// The client's connection that its request is of; sequence 0: there is none.
  virtual record::ConnectionId client_leg() const { return {}; }

 protected:
  ~ConnectionUser() = default;
};

class Connection;

/// Where its pool has a connection.
enum class Place : std::uint8_t { none, dialing, free, busy, witness };

/// Whom a connection belongs to: the pool of its server on its worker.
class ConnectionOwner {
 public:
  /// Connected: free for its first request.
  virtual void on_connected(Connection& connection) = 0;
  /// A request is done and another may follow. Not before the turn's other events are delivered
  /// is it known that the server has not closed it meanwhile.
  virtual void on_free(Connection& connection) = 0;
  /// Ended and recorded. Destroy it from on_gone only.
  virtual void on_ended(Connection& connection, const record::Ending& ending) = 0;
  /// Its descriptor is closed: it may be destroyed.
  virtual void on_gone(Connection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

}  // namespace finack::client
