// The end of a dialed connection: what its stream or a timer decides, and its one record.
#include <algorithm>

#include "client/connection.h"
#include "net/address.h"

namespace finack::client {

using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

namespace {

/// A reset that comes sooner after a request than this was under way before the request arrived.
constexpr Nanos kSoonest = std::chrono::milliseconds(50);

const char* setting_name(TimerKind timer) {
  switch (timer) {
    case TimerKind::connect:
      return "timeouts.connect";
    case TimerKind::send:
      return "timeouts.send";
    case TimerKind::first_response_byte:
      return "timeouts.first_response_byte";
    case TimerKind::response_idle:
      return "timeouts.response_idle";
    default:
      return nullptr;
  }
}

std::uint64_t micros(Nanos value) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(value).count());
}

}  // namespace

void Connection::on_end(StreamEnd end) {
  if (over_) return;
  recorder_.note_end(end.kind, loop_.now());
  end_ = end;
  if (!paused_) look_for_end();
}

/// The stream is over once everything that came before its end was read.
void Connection::look_for_end() {
  if (over_ || end_.kind == EndKind::none || paused_) return;
  if (stream_->readable()) return;
  stream_over();
}

void Connection::stream_over() {
  const bool closed = end_.kind == EndKind::fin || end_.kind == EndKind::truncated;
  if (parting_) {
    const How how = closed ? How::fin : How::rst;
    return end({closed ? EndedBy::peer : EndedBy::local, closed ? how : How::fin, Phase::body,
                Cause::ok_completed},
               {});
  }
  if (closed && user_ != nullptr) {
    using End = http::ResponseParser::EndOfStream;
    switch (parser_.end_of_stream()) {
      case End::body_complete: {
        std::exchange(user_, nullptr)->on_body({}, Progress::unproved, {});
        const How how = end_.kind == EndKind::fin ? How::fin : How::truncated;
        return end({EndedBy::peer, how, Phase::body, Cause::upstream_body_end_unproved}, {});
      }
      case End::tunnel:
        return user_->on_tunnel_fin();
      default:
        break;
    }
  }
  const auto verdict = judge(end_.kind, phase_, facts());
  if (!verdict) return;
  record::Evidence evidence;
  evidence.error = end_.error;
  evidence.certainty = verdict->certainty;
  if (phase_ == Phase::pool) evidence.idle_us = micros(loop_.now() - phase_since_);
  end(*verdict, evidence);
}

Facts Connection::facts() const {
  Facts facts = 0;
  if (reused()) facts |= kReused;
  if (interim_seen_) facts |= kInterim;
  if (stream_->unacknowledged() >= request_bytes_) facts |= kUnread;
  const Nanos rtt(server_.rtt.load(std::memory_order_relaxed));
  if (loop_.precise_now() - sent_at_ < std::max(2 * rtt, kSoonest)) facts |= kSoon;
  return facts;
}

void Connection::on_timer() {
  if (over_) return;
  if (parting_) return end({EndedBy::local, How::fin, Phase::body, Cause::ok_completed}, {});
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
  evidence.setting_value = static_cast<std::uint64_t>(setting_.count());
  return evidence;
}

void Connection::cancel(Cause cause) {
  if (over_) return;
  user_ = nullptr;
  end({EndedBy::local, How::fin, phase_, cause}, {});
}

void Connection::retire(Cause cause) { cut(cause); }

void Connection::cut(Cause cause) {
  if (over_) return;
  end({EndedBy::local, How::fin, phase_, cause}, {});
}

/// The one exit: reads what only a live socket can tell, writes the record, closes, tells.
void Connection::end(const Verdict& verdict, const record::Evidence& evidence) {
  over_ = true;
  const std::size_t unacked = stream_ ? stream_->unacknowledged() : 0;
  const auto unsent = static_cast<std::size_t>(outbox_.bytes());
  record::Ending ending{.ended_by = verdict.ended_by,
                        .how = verdict.how,
                        .phase = verdict.phase,
                        .cause = verdict.cause,
                        .severity = record::info(verdict.cause).severity,
                        .undelivered_bytes = unacked + unsent,
                        .evidence = evidence};
  ending.evidence.request = requests_;
  if (bytes_out_ + unsent > 0) {
    ending.delivered = unacked + unsent == 0       ? Delivered::all
                       : unacked >= request_bytes_ ? Delivered::none
                                                   : Delivered::partial;
  }
  write_record(ending);
  loop_.timers().disarm(*this);
  server_.connections_live.fetch_sub(1, std::memory_order_relaxed);
  ConnectionUser* user = std::exchange(user_, nullptr);
  if (stream_) {
    const bool reset = verdict.how == How::rst || verdict.how == How::timeout;
    reset ? stream_->reset() : stream_->close();
  }
  if (user != nullptr) user->on_connection_end(ending);
  owner_.on_ended(*this, ending, user != nullptr);
  if (!stream_) owner_.on_gone(*this);
}

void Connection::write_record(const record::Ending& ending) {
  record::FlightEvent events[record::FlightRecorder::kEvents];
  record::ConnectionRecord record;
  record.id = id_;
  record.role = record::Role::client;
  record.purpose = purpose_;
  record.protocol = requests_ == 0 ? "" : "http/1.1";
  record.peer = server_.target.address;
  record.opened = WallTime(opened_.time_since_epoch() + wall_offset_);
  record.ended = WallTime(loop_.precise_now().time_since_epoch() + wall_offset_);
  record.requests = requests_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.ending = ending;
  if (stream_) record.local = net::local_address(stream_->fd());
  if (ending.severity != record::Severity::normal) {
    if (stream_) record.tcp = stream_->tcp_facts();
    record.events = recorder_.unpack(opened_, events);
  }
  ledger_.finish(std::move(entry_), record, phase_);
}

}  // namespace finack::client
