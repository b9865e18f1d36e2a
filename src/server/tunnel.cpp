#include "server/tunnel.h"

#include <utility>

#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/site.h"

namespace finack::server {

using http::WriteState;
using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

Tunnel::Tunnel(Http1Exchange& exchange, Connection& connection, http::TunnelObserver& observer)
    : exchange_(exchange), connection_(connection), observer_(&observer) {
  connection_.defer(*this);
}

Tunnel::~Tunnel() {
  if (linked()) unlink();
}

// ---- From the client ----

void Tunnel::deliver() {
  Inbox& inbox = exchange_.inbox();
  while (observer_ != nullptr && !paused_ && !inbox.empty()) {
    const std::string_view bytes = inbox.front();
    exchange_.note_tunnel_bytes(bytes.size());
    observer_->on_tunnel_bytes(bytes);
    if (aborted_) return;  // What is unread was dropped.
    inbox.consume(bytes.size());
  }
  tell_fin();
}

/// Bytes that the kernel still holds come before the FIN.
void Tunnel::tell_fin() {
  if (observer_ == nullptr || client_finished_ || !exchange_.inbox().empty()) return;
  if (!connection_.input_over()) return;
  client_finished_ = true;
  client_first_ = !finished_;
  observer_->on_tunnel_fin();
  check_done();
}

void Tunnel::pause() {
  paused_ = true;
  connection_.hold_reading(true);
}

void Tunnel::resume() {
  paused_ = false;
  connection_.hold_reading(false);
  connection_.defer(*this);
}

// ---- To the client ----

WriteState Tunnel::write(std::string_view bytes) {
  if (observer_ == nullptr || finish_wanted_) return WriteState::gone;
  if (bytes.empty()) return WriteState::ready;
  Outbox& outbox = exchange_.outbox();
  outbox.append(bytes);
  exchange_.flush_soon();
  if (outbox.bytes() <= connection_.site().settings().limits.write_buffer_bytes)
    return WriteState::ready;
  exchange_.on_write_ready([this] {
    if (observer_ != nullptr) observer_->on_tunnel_write_ready();
  });
  return WriteState::wait;
}

void Tunnel::finish() {
  finish_wanted_ = true;
  exchange_.flush_soon();
}

void Tunnel::on_drained() {
  if (!finish_wanted_ || finished_ || aborted_) return;
  finished_ = true;
  connection_.finish_writing();
  check_done();
}

// ---- The end ----

void Tunnel::check_done() {
  if (!client_finished_ || !finished_ || aborted_) return;
  connection_.finish_tunnel({client_first_ ? EndedBy::peer : EndedBy::local, How::fin,
                             Phase::tunnel, Cause::ok_tunnel_done});
}

void Tunnel::abort(const Verdict& close, const record::Evidence& evidence) {
  observer_ = nullptr;
  aborted_ = close;
  abort_evidence_ = evidence;
  exchange_.inbox().drop_unread();
  connection_.defer(*this);
}

void Tunnel::run_deferred() {
  if (aborted_) return connection_.end(*aborted_, abort_evidence_);
  deliver();
}

void Tunnel::on_end(const http::Departure& departure) {
  if (observer_ != nullptr) std::exchange(observer_, nullptr)->on_tunnel_end(departure);
}

}  // namespace finack::server
