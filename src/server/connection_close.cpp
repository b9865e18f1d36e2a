// The end of a connection: the procedure of closing, and its one record.
#include <cassert>

#include "net/address.h"
#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Linger;
using record::Phase;

namespace {

constexpr Nanos kFirstPoll = std::chrono::milliseconds(2);

/// The answer a client gets when we end its request for `cause`; 0: none.
int reply_status(Cause cause) {
  switch (cause) {
    case Cause::timeout_head:
    case Cause::timeout_min_rate:
    case Cause::timeout_body_idle:
    case Cause::timeout_body_total:
      return 408;
    case Cause::timeout_handler:
      return 503;
    default:
      return 0;
  }
}

bool by_force(Cause cause) {
  return cause == Cause::timeout_drain || cause == Cause::operator_shutdown_forced;
}

}  // namespace

void Connection::end(const Verdict& verdict, const record::Evidence& evidence) {
  if (over_) return;
  if (closing_ != nullptr) {
    end_closing(verdict, evidence);
    return;
  }
  if (verdict.ended_by == EndedBy::peer && verdict.how == How::fin) {
    // A client that closed before it had everything will reset; wait for that proof.
    if (verdict.phase == Phase::idle && stream_.unacknowledged() > 0)
      return begin_close(verdict, evidence);
    return finalize(make_ending(verdict, evidence), false);
  }
  const bool peer_is_there = verdict.ended_by == EndedBy::local && verdict.how != How::rst;
  if (!peer_is_there || by_force(verdict.cause))
    return finalize(make_ending(verdict, evidence), verdict.ended_by != EndedBy::peer);
  if (active_ != nullptr) {
    if (verdict.cause == Cause::timeout_handler && active_->stop_in_time(verdict)) return rearm();
    const int status = reply_status(verdict.cause);
    if (status != 0 && active_->answer_error(status, verdict, evidence)) {
      flush();
      return rearm();
    }
    if (active_->response_incomplete() || !active_->outbox().empty())
      return finalize(make_ending(verdict, evidence), true);
  }
  begin_close(verdict, evidence);
}

/// Our FIN goes out behind the last byte; the client's FIN, a RST or a timer ends the procedure.
void Connection::begin_close(const Verdict& verdict, const record::Evidence& evidence) {
  assert(closing_ == nullptr && "it is ending already");
  closing_ = worker().make_closing();
  closing_->ending = make_ending(verdict, evidence);
  closing_->since = closing_->progress_at = worker().loop().now();
  closing_->poll = kFirstPoll;
  if (phase_ != Phase::tunnel) enter(Phase::flush);
  stream_.shutdown_write();
  if (peer_fin_ || settings().timeouts.linger == Nanos{0}) {
    closing_->unacked = stream_.unacknowledged();
    closing_->acked = closing_->unacked == 0;
    if (closing_->acked) return finalize(closing_->ending, false, 0);
  } else {
    closing_->unacked = Closing::kUnread;
  }
  if (paused_) update_reading();
  rearm();
}

/// It is ending already, and is waited for no longer. False: everything was acknowledged.
bool Connection::end_closing(const Verdict& late, const record::Evidence& evidence) {
  record::Ending ending = closing_->ending;
  const bool lost = stream_.unacknowledged() > 0;
  if (lost && active_ != nullptr) active_->set_late(late, evidence);
  if (lost && overridable(ending.cause)) ending = make_ending(late, evidence);
  finalize(ending, true);
  return lost;
}

/// The client's FIN came, or the kernel says that everything is acknowledged.
void Connection::check_close() {
  if (!peer_fin_) return;
  closing_->unacked = stream_.unacknowledged();
  if (closing_->unacked > 0) return rearm();
  closing_->acked = true;
  closing_->ending.evidence.linger = Linger::fin;
  finalize(closing_->ending, false, 0);
}

void Connection::fire_closing() {
  const Timeouts& timeouts = settings().timeouts;
  const Instant now = worker().loop().now();
  const std::size_t unacked = stream_.unacknowledged();
  if (unacked < closing_->unacked) closing_->progress_at = now;
  if (closing_->unacked == Closing::kUnread) closing_->progress_at = closing_->since;
  closing_->unacked = unacked;
  closing_->acked = unacked == 0;
  closing_->poll = std::min<Nanos>(closing_->poll * 2, std::chrono::milliseconds(200));
  record::Ending ending = closing_->ending;
  if (closing_->acked) {
    if (!peer_fin_ && now < closing_->since + timeouts.linger) return rearm();
    ending.evidence.linger = peer_fin_                     ? Linger::fin
                             : timeouts.linger == Nanos{0} ? Linger::none
                                                           : Linger::expired;
    return finalize(ending, false, 0);
  }
  if (timeouts.flush == Nanos{0} || now < closing_->progress_at + timeouts.flush) return rearm();

  record::Evidence evidence = note_fired(record::TimerKind::flush);
  const bool gone = peer_gone(stream_.tcp_facts());
  if (gone) evidence.found_by = record::FoundBy::flush;
  const Verdict late = judge(record::TimerKind::flush, Phase::flush,
                             standing(ending.cause) | (gone ? Facts{kGone} : Facts{0}));
  if (late.cause == Cause::client_left_unproved) evidence.certainty = record::Certainty::inferred;
  if (active_ != nullptr) active_->set_late(late, evidence);
  if (overridable(ending.cause)) ending = make_ending(late, evidence);
  finalize(ending, true, unacked);
}

record::Ending Connection::make_ending(const Verdict& verdict,
                                       const record::Evidence& evidence) const {
  record::Ending ending;
  apply(verdict, ending);
  ending.evidence = evidence;
  ending.evidence.request = requests_;
  if (verdict.phase == Phase::idle) {
    ending.evidence.idle_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(worker().loop().now() - phase_since_)
            .count());
    if (verdict.how == How::rst && requests_ > 0)
      ending.evidence.after_response_us = ending.evidence.idle_us;
  }
  return ending;
}

/// What of everything we owed arrived. A keep-alive connection's earlier responses were read before
/// the next request came, so only the last one can be in doubt.
Delivered Connection::delivered(std::size_t undelivered) const {
  const bool owed = active_ != nullptr && active_->response_owed();
  if (owed && !active_->response_started()) return Delivered::none;
  if (bytes_out_ == 0 && undelivered == 0) return Delivered::nothing_owed;
  if (active_ != nullptr && active_->response_cut() && undelivered == 0) return Delivered::partial;
  if (undelivered == 0 && !(active_ != nullptr && active_->response_incomplete()))
    return Delivered::all;
  std::uint64_t last = active_ != nullptr ? active_->current_response_bytes() : 0;
  if (last == 0) last = last_response_bytes_ != 0 ? last_response_bytes_ : bytes_out_;
  return undelivered >= last && last > 0 ? Delivered::none : Delivered::partial;
}

/// The one exit: reads what only a live socket can tell, writes the record, settles the requests,
/// closes.
void Connection::finalize(const record::Ending& decided, bool reset, std::size_t unacked) {
  if (over_) return;
  over_ = true;
  record::ConnectionRecord record;
  record::Ending& ending = record.ending;
  ending = decided;
  const std::size_t unsent =
      active_ != nullptr ? static_cast<std::size_t>(active_->outbox().bytes()) : 0;
  ending.undelivered_bytes = unacked + unsent;
  ending.delivered = delivered(unacked + unsent);
  if (unacked + unsent > 0 && requests_ > 0) {
    const std::uint64_t sent = active_ != nullptr ? active_->outbox().sent() : 0;
    ending.evidence.first_unacknowledged_request =
        active_ != nullptr ? active_->first_unacknowledged(sent > unacked ? sent - unacked : 0)
                           : requests_;
  }
  if (closing_ != nullptr && closing_->discarded > 0)
    ending.evidence.received_bytes = closing_->discarded;
  if (active_ != nullptr) record.other_leg = active_->other_leg();
  write_record(record);
  if (active_ != nullptr) std::exchange(active_, nullptr)->leave(ending, unacked);
  if (closing_ != nullptr) worker().drop(std::exchange(closing_, nullptr));
  worker().loop().timers().disarm(*this);
  if (reset) {
    stream_.reset();
  } else {
    stream_.close();
  }
}

/// Fills in what the connection knows of itself, and closes the books' entry.
void Connection::write_record(record::ConnectionRecord& record) {
  record.id = id();
  record.purpose = worker().purpose();
  record.listener = site().name();
  record.protocol = requests_ == 0 ? "" : http10_ ? "http/1.0" : "http/1.1";
  record.local = local();
  record.peer = peer_;
  record.opened = worker().wall(opened_);
  const Instant now = worker().loop().now();
  // What ends a procedure of closing came with this turn; else work of this turn decided.
  const bool came_with_turn = closing_ != nullptr && closing_->since < now;
  record.ended = worker().wall(came_with_turn ? now : worker().loop().precise_now());
  record.requests = requests_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  if (record.ending.severity == record::Severity::normal)
    return worker().ledger().finish(std::move(entry_), record, phase_);
  record::FlightEvent events[record::FlightRecorder::kEvents];
  record.tcp = stream_.tcp_facts();
  record.events = recorder_.unpack(opened_, events);
  worker().ledger().finish(std::move(entry_), record, phase_);
}

record::LiveConnection Connection::describe() const {
  const Instant now = worker().loop().now();
  const http::RouteLabel* route = active_ != nullptr ? active_->route() : nullptr;
  return {.id = id(),
          .role = record::Role::server,
          .phase = phase_,
          .age = now - opened_,
          .in_phase = now - phase_since_,
          .peer = peer_,
          .local = local(),
          .listener = std::string(site().name()),
          .route = route != nullptr ? route->pattern : "",
          .server = {},
          .requests = requests_,
          .bytes_in = bytes_in_,
          .bytes_out = bytes_out_};
}

void Connection::park(Outbox& outbox) {
  if (send_pending_) worker().park(this, std::move(outbox));
}

void Connection::on_closed() { worker().gone(this); }

record::ConnectionId Connection::id() const {
  return {worker().boot(), worker().index(), sequence_};
}

Address Connection::local() const {
  const Address& bound = site().local();
  return bound.family != Address::Family::none ? bound : net::local_address(stream_.fd());
}

bool Connection::retire(Cause cause) {
  const Verdict verdict{EndedBy::local, How::fin, phase_, cause};
  if (over_ || closing_ != nullptr) return false;
  if (phase_ == Phase::idle || phase_ == Phase::fresh) {
    if (stream_.readable()) return false;  // a request is on its way: bytes win
    begin_close(verdict, {});
    return true;
  }
  if (active_ != nullptr && phase_ != Phase::tunnel) active_->want_close(verdict);
  return false;
}

bool Connection::cut(Cause cause) {
  if (over_) return false;
  const record::Evidence evidence =
      cause == Cause::timeout_drain ? timer_evidence(record::TimerKind::drain) : record::Evidence{};
  if (closing_ != nullptr) {
    return end_closing(judge_cut(cause, Phase::flush), evidence);
  }
  end(judge_cut(cause, phase_), evidence);
  return true;
}

}  // namespace finack::server
