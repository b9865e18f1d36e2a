// An exchange that becomes a tunnel.
#include "http/cause_status.h"
#include "http/encoder.h"
#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using http::WriteState;
using record::Cause;
using record::CauseFamily;
using record::EndedBy;
using record::How;
using record::Phase;

bool Http1Exchange::upgrade(const http::ResponseHead& head, http::TunnelObserver& observer) {
  if (gone() || r_.stage != Stage::handling || r_.response != Response::none) return false;
  if (head.status != 101 || head_.minor == 0 || body_unread()) return false;
  if (!http::valid(head.headers)) return false;
  char* out = outbox_.reserve(http::interim_size_bound(head.headers));
  r_.response_begin = outbox_.queued();
  outbox_.commit(http::encode_interim(head.status, head.headers, out));
  r_.status = static_cast<std::uint16_t>(head.status);
  r_.response = Response::finished;  // what follows is no response
  r_.stage = Stage::tunnel;
  consume_returned();
  inbox_.hold_front();  // the record still points into it
  // How a response would have ended the connection decides nothing any more.
  const bool has_evidence = close_.has_evidence;
  close_ = {};
  close_.has_evidence = has_evidence;
  if (body_ready_) body_ready_ = nullptr;
  if (write_ready_) write_ready_ = nullptr;
  connection_->enter(Phase::tunnel);
  connection_->hold_reading(false);
  tunnel_ = std::make_unique<Tunnel>(*this, *connection_, observer);
  flush_soon();
  return true;
}

void Http1Exchange::pause_reading() {
  if (tunnel_) tunnel_->pause();
}

void Http1Exchange::resume_reading() {
  if (tunnel_) tunnel_->resume();
}

WriteState Http1Exchange::write_tunnel(std::string_view bytes) {
  return tunnel_ ? tunnel_->write(bytes) : WriteState::gone;
}

void Http1Exchange::abort_tunnel(Cause cause) {
  if (!tunnel_) return;
  // Bytes are silent also when they are lost on their way: slow or gone?
  const bool vanished = cause == Cause::timeout_tunnel_idle && connection_->vanished();
  const bool wait = record::info(cause).family == CauseFamily::timeout;
  Verdict close{EndedBy::local, How::rst, Phase::tunnel, cause};
  if (cause == Cause::timeout_tunnel_idle) close.how = How::timeout;
  r_.verdict = close;
  if (wait) r_.verdict->how = How::timeout;
  if (http::of_other_leg(cause)) {
    close.cause = Cause::policy_other_leg;
    close.severity = record::info(cause).severity;
  }
  record::Evidence evidence;
  if (vanished) {
    close = judge(record::TimerKind::tunnel_idle, Phase::tunnel, kGone);
    r_.verdict = close;
    evidence.found_by = record::FoundBy::retransmit;
    evidence_ = evidence;
    r_.has_evidence = true;
  }
  sleep_done_ = nullptr;
  if (sleep_timer_.armed()) worker_.loop().timers().disarm(sleep_timer_);
  tunnel_->abort(close, evidence);
}

/// Told before the request is recorded, so that the handler can say what belongs there.
void Http1Exchange::end_tunnel(const record::Ending& ending) {
  // It may be what ends the connection, and is on the stack then: it returns at once.
  const std::unique_ptr<Tunnel> tunnel = std::move(tunnel_);
  tunnel->on_end({ending.cause, ending.how, worker_.loop().now()});
}

}  // namespace finack::server
