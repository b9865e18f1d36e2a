// The end of a dialed connection: what its stream or a timer decides, and its one record.
#include <algorithm>
#include <cerrno>

#include "client/connection.h"
#include "client/connection_dialing.h"
#include "net/address.h"

namespace finack::client {

using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

namespace {

/// An end that comes sooner after a request than this was under way before the request arrived.
constexpr Nanos kSoonest = std::chrono::milliseconds(50);
/// Up to here a request is one TLS record in one segment, acknowledged whole or not at all.
constexpr std::uint64_t kOneRecord = 1200;
/// Between looks at what TLS has not decoded yet.
constexpr Nanos kTlsLook = std::chrono::milliseconds(5);

const char* setting_name(TimerKind timer) {
  switch (timer) {
    case TimerKind::resolve:
      return "timeouts.resolve";
    case TimerKind::connect:
      return "timeouts.connect";
    case TimerKind::tls:
      return "timeouts.tls";
    case TimerKind::send:
      return "timeouts.send";
    case TimerKind::first_response_byte:
      return "timeouts.first_response_byte";
    case TimerKind::response_idle:
      return "timeouts.response_idle";
    case TimerKind::tunnel_idle:
      return "timeouts.tunnel_idle";
    default:
      return nullptr;
  }
}

/// We end it: closed, or given up when a budget is over.
Verdict own_act(Phase phase, Cause cause) {
  return {EndedBy::local, way_out(phase, cause), phase, cause};
}

std::uint64_t micros(Nanos value) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(value).count());
}

record::KeepAliveLimits limits_of(const KeepAliveFacts& facts) {
  constexpr Nanos kNone{-1};
  return {.advertised = facts.advertised.value_or(kNone),
          .observed = facts.observed.value_or(kNone),
          .used = facts.used.value_or(kNone),
          .valid = true};
}

}  // namespace

void Connection::on_end(StreamEnd end) {
  if (over_) return;
  recorder_.note_end(end.kind, loop_.now());
  end_ = end;
  loop_.defer(later_);
}

/// The stream is over once everything that came before its end was read. Asked only when the
/// turn's events are delivered: then what the kernel does not hold has been handed to us.
void Connection::look_for_end() {
  if (over_ || end_.kind == EndKind::none || paused_) return;
  const bool broken = tls_ != nullptr && tls_->failure() != net::TlsFailure::none;
  if (end_.kind != EndKind::no_memory && !broken && stream_->readable()) {
    // Under TLS that need not become bytes for us.
    if (tls_ != nullptr) arm(TimerKind::linger, kTlsLook);
    return;
  }
  stream_over();
}

void Connection::stream_over() {
  const bool closed = end_.kind == EndKind::fin || end_.kind == EndKind::truncated;
  if (user_ != nullptr && phase_ != Phase::tunnel) {
    using End = http::ResponseParser::EndOfStream;
    const End at = parser_.end_of_stream();
    if (closed && at == End::body_complete) return body_over();
    // Part of an interim response is no head.
    if (at == End::no_head && phase_ == Phase::head) enter(Phase::wait);
  }
  if (phase_ == Phase::tunnel && end_.kind == EndKind::fin) return tunnel_half_over();
  const auto verdict = judge(end_.kind, phase_, facts());
  if (!verdict) return;
  record::Evidence evidence;
  if (end_.kind == EndKind::alert) {
    evidence.reason = net::alert_name(end_.error).data();
  } else {
    evidence.error = end_.error;
  }
  if (verdict->cause == Cause::network_vanished) evidence.found_by = found_by();
  evidence.certainty = verdict->certainty;
  if (!parting_ && phase_ == Phase::body && head_.framing == http::ResponseFraming::length) {
    evidence.expected_bytes = *head_.content_length;
    evidence.received_bytes = evidence.expected_bytes - parser_.remaining();
  }
  end(*verdict, evidence);
}

/// The end of the stream was the end of the body.
void Connection::body_over() {
  const bool cut = end_.kind == EndKind::truncated;
  std::exchange(user_, nullptr)->on_body({}, cut ? Progress::cut : Progress::unproved, {});
  if (over_) return;  // The user ended it.
  if (request_due())
    return end({EndedBy::peer, How::fin, Phase::send, Cause::upstream_early_reply}, {});
  end({EndedBy::peer, cut ? How::truncated : How::fin, Phase::body,
       Cause::upstream_body_end_unproved},
      {}, cut);
}

void Connection::tunnel_half_over() {
  if (tunnel_fin_) return;
  tunnel_fin_ = true;
  server_finished_first_ = !own_fin_wanted_;
  end_ = {};
  if (timer_ == TimerKind::linger) arm(TimerKind::tunnel_idle, timeouts_.tunnel_idle);
  if (own_fin_sent_) loop_.defer(later_);
  user_->on_tunnel_fin();
}

/// Nothing of the request was acknowledged before the server's FIN left, so its kernel had not
/// taken it. A RST proves nothing: the kernel does not look at what it acknowledges, and a server
/// may have read the request whose acknowledgement was still delayed. One that follows a FIN is
/// told by EPIPE. Of what a pending send took, nothing is known.
bool Connection::unread() const {
  if (end_.kind == EndKind::rst && end_.error != EPIPE) return false;
  if (tls_ != nullptr && request_bytes_ > kOneRecord) return false;
  if (maybe_sent_ && request_bytes_ == 0) return false;
  return stream_->unacknowledged() >= request_bytes_;
}

/// What made the kernel give up: with nothing on its way only its own probes can go unanswered.
record::FoundBy Connection::found_by() const {
  if (stream_->unacknowledged() == 0) return record::FoundBy::keep_alive;
  const bool limited = server_.target.dial.tcp_user_timeout_ms > 0;
  return limited ? record::FoundBy::user_timeout : record::FoundBy::retransmit;
}

Facts Connection::facts() const {
  if (parting_) return kDone;
  if (stream_ == nullptr || user_ == nullptr) return 0;
  Facts facts = 0;
  if (reused()) facts |= kReused;
  if (interim_seen_) facts |= kInterim;
  if (unread()) facts |= kUnread;
  const Nanos rtt(server_.rtt.load(std::memory_order_relaxed));
  if (loop_.precise_now() - sent_at_ < std::max(2 * rtt, kSoonest)) facts |= kSoon;
  return facts;
}

void Connection::on_timer() {
  if (over_) return;
  if (parting_) return end({EndedBy::local, How::fin, Phase::body, Cause::ok_completed}, {});
  if (end_.kind != EndKind::none && !paused_) return stream_over();
  ledger_.counters().timer_fired(timer_);
  recorder_.note_timer(timer_, loop_.now());
  const bool gone = peer_gone(stream_->tcp_facts());
  record::Evidence evidence = timer_evidence();
  if (gone) evidence.found_by = record::FoundBy::retransmit;
  end(judge(timer_, phase_, gone), evidence);
}

record::Evidence Connection::timer_evidence() const {
  record::Evidence evidence;
  evidence.setting = setting_name(timer_);
  evidence.setting_of = timeouts_.owner(timer_);
  evidence.setting_value = static_cast<std::uint64_t>(setting_.count());
  return evidence;
}

void Connection::cancel(Cause cause, const record::Evidence& evidence, bool fault) {
  if (over_) return;
  user_ = nullptr;
  end(own_act(phase_, cause), evidence, fault);
}

void Connection::cut(Cause cause) {
  if (over_) return;
  end(own_act(phase_, cause), {});
}

Delivered Connection::delivered(std::uint64_t unacked, std::uint64_t unsent) const {
  if (bytes_out_ + unsent == 0) return Delivered::nothing_owed;
  if (unacked + unsent == 0) return Delivered::all;
  return unacked >= request_bytes_ ? Delivered::none : Delivered::partial;
}

/// The one exit: reads what only a live socket can tell, writes the record, closes, tells.
void Connection::end(const Verdict& verdict, record::Evidence evidence, bool fault) {
  over_ = true;
  const std::uint64_t unacked = stream_ != nullptr ? stream_->unacknowledged() : 0;
  const std::uint64_t unsent = outbox_.bytes();
  evidence.request = requests_;
  if (phase_ == Phase::pool) evidence.idle_us = micros(loop_.now() - phase_since_);
  if (verdict.cause == Cause::upstream_stale_reuse) evidence.idle_us = micros(idle_before_);
  record::Ending ending = ending_of(verdict, delivered(unacked, unsent), evidence);
  ending.undelivered_bytes = unacked + unsent;
  if (fault) ending.severity = record::Severity::fault;
  write_record(ending);
  disarm();
  later_.unlink();
  server_.give_connection();
  ConnectionUser* user = std::exchange(user_, nullptr);
  if (stream_ != nullptr) close_stream(verdict);
  if (user != nullptr) user->on_connection_end(ending);
  owner_.on_ended(*this, ending);
  if (stream_ == nullptr) owner_.on_gone(*this);
}

/// What is queued for a stale connection goes out again by another: by this one nothing more shall.
void Connection::close_stream(const Verdict& verdict) {
  if (verdict.how == How::rst || verdict.how == How::timeout ||
      verdict.cause == Cause::upstream_stale_reuse)
    return stream_->reset();
  stream_->close();
}

record::LiveConnection Connection::describe() const {
  const Instant now = loop_.now();
  return {.id = id_,
          .role = record::Role::client,
          .phase = phase_,
          .age = now - opened_,
          .in_phase = now - phase_since_,
          .peer = peer_,
          .local = tcp_ ? net::local_address(tcp_->fd()) : Address{},
          .listener = {},
          .route = {},
          .server = server_.name,
          .requests = requests_,
          .bytes_in = bytes_in_,
          .bytes_out = bytes_out_};
}

void Connection::write_record(const record::Ending& ending) {
  record::FlightEvent events[record::FlightRecorder::kEvents];
  record::ConnectionRecord record;
  record.id = id_;
  record.role = record::Role::client;
  record.purpose = purpose_;
  record.protocol = requests_ == 0 ? "" : "http/1.1";
  record.peer = peer_;
  record.opened = WallTime(opened_.time_since_epoch() + wall_offset_);
  record.ended = WallTime(loop_.precise_now().time_since_epoch() + wall_offset_);
  record.requests = requests_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.ending = ending;
  if (phase_ != Phase::pool) record.other_leg = other_leg_;
  if (tcp_) record.local = net::local_address(tcp_->fd());
  // Before the pool learns of this end: what it went by.
  if (phase_ == Phase::pool || ending.cause == Cause::upstream_stale_reuse)
    record.keep_alive = limits_of(server_.keep_alive.facts());
  if (ending.severity != record::Severity::normal) {
    if (stream_ != nullptr) record.tcp = stream_->tcp_facts();
    record.events = recorder_.unpack(opened_, events);
  }
  ledger_.finish(std::move(entry_), record, phase_);
}

}  // namespace finack::client
