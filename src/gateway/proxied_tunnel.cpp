// A proxied request whose server switched protocols: bytes go both ways until both have finished.
#include <utility>

#include "gateway/proxied_request.h"
#include "gateway/proxy.h"

namespace finack::gateway {

using record::Cause;

void ProxiedRequest::open_tunnel(const http::ReceivedResponse& head) {
  note_answer();
  note_whole();
  if (!switch_client(head)) {
    if (const http::Departure left = exchange_->left()) return abandon(left.cause);
    try_.cancel(Cause::app_cancelled);
    note_try();
    return fail(Cause::upstream_bad_head);
  }
  tunnel_ = responding_ = true;
  budget_.stop();  // What is budgeted is the answer.
}

/// False: a field cannot be sent, or the client has left.
bool ProxiedRequest::switch_client(const http::ReceivedResponse& head) {
  std::vector<http::Header>& headers = proxy_.scratch_headers();
  headers.assign(head.headers.begin(), head.headers.end());
  const std::string_view protocol = passage_.plan->forwarding().prepare_response(
      head.minor, passage_.route->settings,
      {.set_cookie = passage_.set_cookie, .request_id = forwarded_.request_id}, headers);
  headers.push_back({"Upgrade", protocol});
  http::ResponseHead out;
  out.status = head.status;
  out.headers = headers;
  return exchange_->upgrade(out, *this);
}

// ---- From the server

void ProxiedRequest::on_try_tunnel_bytes(std::string_view bytes) {
  if (exchange_ != nullptr && exchange_->write(bytes) == http::WriteState::wait) pause();
}

void ProxiedRequest::on_try_tunnel_fin() {
  server_fin_ = true;
  if (exchange_ != nullptr) exchange_->finish();
}

/// Its leg is over. A server that had finished has sent all of it, whatever its end is, and the
/// client may still take the last of that; what the client says meanwhile is for nobody.
void ProxiedRequest::tunnel_left(const record::Ending& ending) {
  note_try();
  const bool all_sent = server_fin_ && client::blames_server(ending.cause);
  if (ending.cause != Cause::ok_tunnel_done && !all_sent) return fail(ending.cause);
  if (all_sent) exchange_->resume_reading();
  if (const Nanos most = passage_.to->timeouts.tunnel_idle; most != Nanos(0))
    pause_.set(most, &ProxiedRequest::tunnel_silent);
}

/// No connection to the server is left whose wait could end it.
void ProxiedRequest::tunnel_silent() {
  ledger_.counters().timer_fired(record::TimerKind::tunnel_idle);
  fail(Cause::timeout_tunnel_idle);
}

// ---- From the client

void ProxiedRequest::on_tunnel_bytes(std::string_view bytes) {
  if (try_.connected() && !try_.write(bytes)) exchange_->pause_reading();
}

/// The server takes bytes again.
void ProxiedRequest::pump_tunnel() {
  if (exchange_ != nullptr) exchange_->resume_reading();
}

void ProxiedRequest::on_tunnel_fin() {
  if (try_.connected()) try_.finish_tunnel();
}

/// The client's leg is over. Where both had finished, the server may still take the last of it.
void ProxiedRequest::on_tunnel_end(const http::Departure& departure) {
  const bool finished = departure.cause == Cause::ok_tunnel_done;
  if (try_.active()) {
    if (!finished) cancel_for(departure.cause);
    record::UpstreamTry one = try_.summary();
    if (finished) {
      one.cause = Cause::ok_tunnel_done;
      one.duration = loop_.now() - try_began_;
    }
    tries_.add(one);
  }
  exchange_->set_upstream(tries_.all());
  exchange_ = nullptr;
  if (!try_.active()) done();
}

}  // namespace finack::gateway
