#include "client/try.h"

#include <utility>

namespace finack::client {

using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr record::Ending kCompleted{.ended_by = EndedBy::local,
                                    .how = How::none,
                                    .phase = Phase::body,
                                    .cause = Cause::ok_completed,
                                    .severity = record::Severity::normal,
                                    .delivered = Delivered::all,
                                    .undelivered_bytes = 0,
                                    .evidence = {}};

}  // namespace

void Try::begin(Pool& pool, const Begin& begin) {
  assert(!active());
  pool_ = &pool;
  server_ = &pool.server();
  server_->requests_live.fetch_add(1, std::memory_order_relaxed);
  entry_ = ledger_.open_request(record::Role::client);
  started_ = loop_.now();
  first_byte_ = {};
  wall_offset_ = begin.wall_offset;
  purpose_ = begin.purpose;
  budget_ = begin.budget;
  attempt_ = begin.number;
  other_leg_ = begin.other_leg;
  other_number_ = begin.other_number;
  request_bytes_ = bytes_in_ = 0;
  method_ = {};
  status_ = 0;
  number_ = 0;
  sent_ = reused_ = upgrade_ = false;
  peer_ = {};
  connection_id_ = {};
  cause_ = Cause::unknown;
  timeouts_ = begin.timeouts != nullptr ? begin.timeouts : &pool.timeouts();
  set_timeouts(timeouts_);
  set_wait(begin.wait);
  if (budget_ != Nanos(0)) loop_.timers().arm(*this, started_ + budget_);
  if (begin.fresh_only) return pool.wait_for_fresh(*this);
  pool.wait(*this);
}

void Try::on_connection(Connection& connection) {
  connection_ = &connection;
  connection_id_ = connection.id();
  peer_ = connection.peer();
  observer_.on_try_ready();
}

void Try::on_no_connection(const record::Ending& ending, const Connection* dialed) {
  if (dialed != nullptr) {
    connection_id_ = dialed->id();
    peer_ = dialed->peer();
  }
  fail(as_request(ending));
}

/// Over, and told in the words in which it is recorded.
void Try::fail(const record::Ending& ending) {
  finish(ending);
  observer_.on_try_failed(ending);
}

void Try::send(const http::OutgoingRequest& head, http::Method method, std::string_view body,
               bool body_follows) {
  const bool known = method != http::Method::other;
  if (!known) extension_method_ = head.method;
  method_ = known ? http::name(method) : std::string_view(extension_method_);
  number_ = connection_->requests() + 1;
  upgrade_ = !head.upgrade.empty();
  connection_->send(*this, head, method, body, body_follows, *timeouts_);
  reused_ = connection_->reused();
}

void Try::on_interim(const http::ReceivedResponse& head) { observer_.on_try_interim(head); }

void Try::on_response(const http::ReceivedResponse& head, std::string_view body,
                      Progress progress) {
  status_ = head.status;
  first_byte_ = loop_.now();
  bytes_in_ += body.size();
  // A tunnel may live for days: what is budgeted is the answer.
  if (head.framing == http::ResponseFraming::tunnel) loop_.timers().disarm(*this);
  if (progress != Progress::more) complete(progress);
  observer_.on_try_response(head, body, progress);
}

void Try::on_body(std::string_view bytes, Progress progress,
                  std::span<const http::Header> trailers) {
  bytes_in_ += bytes.size();
  if (progress != Progress::more) complete(progress);
  observer_.on_try_body(bytes, progress, trailers);
}

void Try::complete(Progress progress) {
  if (connection_->request_due()) {
    return finish(ending_of({EndedBy::local, How::fin, Phase::send, Cause::upstream_early_reply},
                            Delivered::partial));
  }
  const bool cut = progress == Progress::cut;
  if (upgrade_ && !cut) {
    return finish(ending_of(
        {EndedBy::peer, How::none, Phase::head, Cause::upstream_upgrade_refused}, Delivered::all));
  }
  if (progress == Progress::complete) return finish_completed();
  record::Ending ending = ending_of({EndedBy::peer, cut ? How::truncated : How::fin, Phase::body,
                                     Cause::upstream_body_end_unproved},
                                    Delivered::all);
  if (cut) ending.severity = record::Severity::fault;
  finish(ending);
}

void Try::on_connection_end(const record::Ending& ending) { fail(as_request(ending)); }

void Try::on_timer() {
  ledger_.counters().timer_fired(record::TimerKind::per_try);
  record::Evidence evidence;
  evidence.setting = "timeouts.try";
  evidence.setting_of = timeouts_->owner(record::TimerKind::per_try);
  evidence.setting_value = static_cast<std::uint64_t>(budget_.count());
  observer_.on_try_failed(give_up(Cause::timeout_try, evidence));
}

void Try::cancel(Cause cause, const record::Evidence& evidence, bool fault) {
  if (active()) give_up(cause, evidence, fault);
}

record::Ending Try::give_up(Cause cause, const record::Evidence& evidence, bool fault) {
  Connection* const connection = connection_;
  Waiter::unlink();
  const Cause own = record::info(cause).ends_request ? cause : Cause::app_cancelled;
  const Phase phase = connection != nullptr ? connection->phase() : pool_->dial_phase();
  const record::Ending ending =
      ending_of({EndedBy::local, way_out(phase, cause), phase, own},
                sent() ? Delivered::handed : Delivered::nothing_owed, evidence);
  finish(ending);
  if (connection != nullptr) connection->cancel(cause, evidence, fault);
  return ending;
}

record::UpstreamTry Try::summary() const {
  return {.address = peer_,
          .connection = connection_id_,
          .cause = cause_,
          .attempt = static_cast<std::uint16_t>(attempt_),
          .reused = reused_,
          .duration = duration_};
}

/// What every end of a try has in common.
void Try::let_go(const record::Ending& ending) {
  loop_.timers().disarm(*this);
  server_->requests_live.fetch_sub(1, std::memory_order_relaxed);
  cause_ = ending.cause;
  duration_ = loop_.now() - started_;  // When its end arrived, not what this turn did with it.
  sent_ = sent();
  request_bytes_ = request_bytes();
  connection_ = nullptr;
}

/// The request's record of this leg.
void Try::finish(const record::Ending& ending) {
  let_go(ending);
  ledger_.finish(std::move(entry_), describe(ending));
}

/// The usual try costs no record.
void Try::finish_completed() {
  let_go(kCompleted);
  if (purpose_ != record::Purpose::traffic || ledger_.wants_completed(record::Role::client)) {
    return ledger_.finish(std::move(entry_), describe(kCompleted));
  }
  ledger_.finish_completed_try(std::move(entry_), duration_, first_byte_ - started_, bytes_in_,
                               request_bytes_, static_cast<std::uint16_t>(status_));
}

record::RequestRecord Try::describe(const record::Ending& ending) const {
  record::RequestRecord record;
  record.connection = connection_id_;
  record.number = number_;
  record.role = record::Role::client;
  record.purpose = purpose_;
  record.method = method_;
  record.status = static_cast<std::uint16_t>(status_);
  record.started = WallTime(started_.time_since_epoch() + wall_offset_);
  record.duration = duration_;
  if (first_byte_ != Instant{}) record.time_to_first_byte = first_byte_ - started_;
  record.bytes_in = bytes_in_;
  record.bytes_out = request_bytes_;
  record.ending = ending;
  record.other_leg = other_leg_;
  record.other_number = other_number_;
  return record;
}

}  // namespace finack::client
