// What of a server's response goes back to the client.
#include <utility>

#include "gateway/proxied_request.h"
#include "gateway/proxy.h"

namespace finack::gateway {

using client::Progress;
using http::ResponseFraming;
using record::Cause;

void ProxiedRequest::on_try_interim(const http::ReceivedResponse& head) {
  // A server's 100 is for us: the client's Expect is answered by the server in front of us.
  if (exchange_ == nullptr || gone_ || head.status == 100) return;
  std::vector<http::Header>& headers = proxy_.scratch_headers();
  headers.assign(head.headers.begin(), head.headers.end());
  passage_.plan->forwarding().prepare_interim(head.minor, headers);
  exchange_->inform(head.status, headers);
}

void ProxiedRequest::on_try_response(const http::ReceivedResponse& head, std::string_view body,
                                     Progress progress) {
  const bool over = progress != Progress::more;
  if (head.framing == ResponseFraming::tunnel) return open_tunnel(head);
  if (over) note_try();
  if (try_again_for(head.status, progress)) return;
  note_answer();
  if (over && progress != Progress::cut) note_whole();
  if (head.framing == ResponseFraming::length) response_due_ = *head.content_length - body.size();
  response_empty_ = head.status == 205;  // RFC 9110 15.3.6
  if (response_empty_) body = {};
  if (gone_) {
    if (over) finish({});
    return;
  }
  const bool whole = over && (head.framing != ResponseFraming::none || response_empty_);
  if (over) exchange_->set_upstream(tries_.all());
  if (!send_head(head, body, whole)) {
    try_.cancel(Cause::app_cancelled);
    if (!over) note_try();
    return fail(Cause::upstream_bad_head);
  }
  responding_ = true;
  const auto& buffer = passage_.route->settings.buffer_response;
  if (buffer && !whole) spool_.begin(*buffer, passage_.plan->buffer_directory());
  if (whole) {
    exchange_ = nullptr;
    return done();
  }
  if (over) return finish({});
  send_body(body);
}

/// A status that the rules name: another server may do better.
bool ProxiedRequest::try_again_for(int status, Progress progress) {
  if (gone_ || !passage_.to->retry.retries_status(status)) return false;
  const client::RetryDecision decision =
      decide({.cause = Cause::ok_completed, .status = status, .sent = true});
  if (!retry(decision)) return false;
  if (progress == Progress::more) {
    try_.cancel(Cause::app_cancelled);
    note_try();
  }
  return true;
}

void ProxiedRequest::note_answer() {
  passage_.share->observe(*server_, loop_.now() - try_began_);
  server_->server->health.answered();
  tell_breaker(Word::good);
}

/// A head ends a doubt, but shows no health: a server may break off every body.
void ProxiedRequest::note_whole() { server_->server->health.succeeded(); }

/// `whole`: with its body, and the exchange is let go of. False: a field cannot be sent.
bool ProxiedRequest::send_head(const http::ReceivedResponse& head, std::string_view body,
                               bool whole) {
  std::vector<http::Header>& headers = proxy_.scratch_headers();
  headers.assign(head.headers.begin(), head.headers.end());
  passage_.plan->forwarding().prepare_response(
      head.minor, passage_.route->settings,
      {.set_cookie = passage_.set_cookie, .request_id = forwarded_.request_id}, headers);
  http::ResponseHead out;
  out.status = head.status;
  out.reason = head.reason;
  out.headers = headers;
  if (whole) {
    out.content_length = body.size();
    return exchange_->respond(out, body);
  }
  const bool counted =
      head.framing == ResponseFraming::length || head.framing == ResponseFraming::none;
  if (counted && head.content_length) out.content_length = *head.content_length;
  if (response_empty_) out.content_length = 0;
  return exchange_->start(out);
}

void ProxiedRequest::on_try_body(std::string_view bytes, Progress progress,
                                 std::span<const http::Header> trailers) {
  const bool over = progress != Progress::more;
  if (response_due_) *response_due_ -= bytes.size();
  if (over && progress != Progress::cut) note_whole();
  if (exchange_ == nullptr) {
    if (over) done();
    return;
  }
  if (over) note_try();
  const bool spools = blocked_ && spool_.active();
  if (!gone_ && !response_empty_) send_body(bytes, spools ? Buffer() : try_.take_piece());
  if (progress == Progress::cut && exchange_ != nullptr) return end_cut_response();
  if (over && exchange_ != nullptr) end_response(trailers);
}

/// A FIN without close_notify ended it: what is missing must not look complete to the client.
void ProxiedRequest::end_cut_response() {
  server_->server->health.failed(loop_.now());
  fail(Cause::upstream_body_end_unproved);
}

/// `whole`: the buffer that they fill, where it may be taken over.
void ProxiedRequest::send_body(std::string_view bytes, Buffer&& whole) {
  if (bytes.empty()) return;
  if (blocked_ && spool_.active()) return spool(bytes);
  switch (whole ? exchange_->write_buffer(std::move(whole)) : exchange_->write(bytes)) {
    case http::WriteState::ready:
      return;
    case http::WriteState::gone:
      return client_gone();
    case http::WriteState::wait:
      break;
  }
  blocked_ = true;
  exchange_->on_write_ready([this] { client_ready(); });
  if (!spool_.active()) pause();
}

/// Keeps what the client does not take yet.
void ProxiedRequest::spool(std::string_view bytes) {
  if (!spool_.put(bytes)) return spool_failed();
  if (spool_.full()) pause();
}

void ProxiedRequest::spool_failed() {
  const Cause cause = spool_.fault();
  if (try_.active()) {
    cancel_for(cause);
    note_try();
  }
  fail(cause);
}

/// The client takes bytes again: first those that wait.
void ProxiedRequest::client_ready() {
  blocked_ = false;
  while (!spool_.empty()) {
    const auto piece = spool_.take();
    if (!piece) return spool_failed();
    if (piece->empty()) break;
    send_body(*piece);
    if (exchange_ == nullptr || blocked_) return;
  }
  spool_.rewind();
  if (spool_.ended()) return finish(spool_.trailers());
  resume();
}

void ProxiedRequest::pause() {
  if (!try_.connected()) return;  // That was the last of it.
  paused_ = true;
  try_.pause_reading();
}

void ProxiedRequest::resume() {
  if (std::exchange(paused_, false) && try_.connected()) try_.resume_reading();
}

/// The server has sent everything. A client that is slow to take it holds neither connection nor
/// slot.
void ProxiedRequest::end_response(std::span<const http::Header> trailers) {
  if (spool_.empty()) return finish(trailers);
  spool_.end(trailers, arena_);
  give_slot();
}

/// The response is complete.
void ProxiedRequest::finish(std::span<const http::Header> trailers) {
  exchange_->set_upstream(tries_.all());
  http::Exchange& exchange = *std::exchange(exchange_, nullptr);
  if (gone_) {
    exchange.abort(exchange.left().cause);
  } else {
    exchange.finish(trailers);
  }
  done();
}

}  // namespace finack::gateway
