#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "e2e/support/bounded.h"
#include "e2e/support/peer.h"
#include "finack/base/fd.h"

namespace finack::gateway_matrix {

using e2e::Deadline;
using e2e::Failure;
using e2e::Millis;
using e2e::Peer;
using e2e::Response;
using e2e::StreamSight;

/// A server behind the gateway, of which nothing happens by itself: the act accepts, reads,
/// answers, stalls, ends or refuses, and each of its connections is a Peer. The gateway is another
/// process, so one thread plays both sides of it and every order of events is the act's own. Every
/// wait is bounded.
class Upstream {
 public:
  /// Listens on 127.0.0.`host`; port 0: one that the system chooses.
  Upstream(const Deadline& deadline, int backlog, std::uint8_t host = 1, std::uint16_t port = 0);

  std::uint16_t port() const { return port_; }
  std::string address() const;

  /// The next connection that was dialed; throws Failure when none comes.
  Peer& accept(Millis limit = Millis(5000));
  /// Whether a connection waits to be accepted before `limit` has passed.
  bool is_dialed(Millis limit);
  /// All that were accepted, in their order.
  std::deque<Peer>& connections() { return connections_; }

  /// From now on nobody listens there: dials are refused.
  void refuse();
  /// Takes every place of the backlog: SYNs are not answered any more.
  void fill_backlog();
  /// Gives the places back: a SYN that is sent again is answered.
  void empty_backlog();

 private:
  Fd connect_nonblocking() const;

  Deadline deadline_;
  Fd listener_;
  std::uint8_t host_ = 1;
  std::uint16_t port_ = 0;
  std::deque<Peer> connections_;
  std::vector<Fd> fillers_;  ///< Connections of our own that sit in the backlog.
};

}  // namespace finack::gateway_matrix
