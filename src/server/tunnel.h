#pragma once
#include <optional>
#include <string_view>

#include "finack/http/exchange.h"
#include "net/loop.h"
#include "server/verdict.h"

namespace finack::server {

class Connection;
class Http1Exchange;

/// An upgraded exchange: bytes both ways between the client and an observer, each direction
/// finished for itself. Both finished: ok.tunnel_done. Lives until its connection ends, which may
/// be in any call that says so.
class Tunnel final : public net::Deferred {
 public:
  Tunnel(Http1Exchange& exchange, Connection& connection, http::TunnelObserver& observer);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // For the exchange, from events. The connection may end in these.
  /// Hands over what has come, and the client's FIN behind it.
  void deliver();
  /// The kernel took all that was written.
  void on_drained();
  /// The connection has ended.
  void on_end(const http::Departure& departure);

  // For the exchange, from the observer. Nothing ends before the turn does.
  http::WriteState write(std::string_view bytes);
  void pause();
  void resume();
  void finish();
  /// `close`: what the connection ends with.
  void abort(const Verdict& close, const record::Evidence& evidence);

 private:
  void run_deferred() override;
  void tell_fin();
  void check_done();

  Http1Exchange& exchange_;
  Connection& connection_;
  http::TunnelObserver* observer_;  ///< nullptr: it has let go.
  std::optional<Verdict> aborted_;
  record::Evidence abort_evidence_;
  bool paused_ = false;
  bool client_finished_ = false;  ///< And the observer was told.
  bool finish_wanted_ = false;
  bool finished_ = false;  ///< Our FIN was sent.
  bool client_first_ = false;
};

}  // namespace finack::server
