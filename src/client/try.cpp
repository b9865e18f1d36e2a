#include "client/try.h"

#include <utility>

namespace finack::client {

using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Phase;

void Try::begin(Pool& pool, const Begin& begin) {
  server_ = &pool.server();
  server_->requests_live.fetch_add(1, std::memory_order_relaxed);
  entry_ = ledger_.open_request(record::Role::client);
  started_ = loop_.now();
  first_byte_ = {};
  wall_offset_ = begin.wall_offset;
  budget_ = begin.budget;
  request_bytes_ = bytes_in_ = 0;
  status_ = 0;
  number_ = 0;
  reused_ = false;
  connection_id_ = {};
  if (budget_ != Nanos(0)) loop_.timers().arm(*this, started_ + budget_);
  if (begin.fresh_only) return pool.wait_for_fresh(*this);
  if (Connection* connection = pool.checkout()) return on_connection(*connection);
  pool.wait(*this);
}

void Try::on_connection(Connection& connection) {
  connection_ = &connection;
  connection_id_ = connection.id();
  observer_.on_try_ready();
}

void Try::on_no_connection(const record::Ending& ending) {
  finish(ending);
  observer_.on_try_failed(ending);
}

void Try::send(const http::OutgoingRequest& head, http::Method method, std::string_view body,
               bool body_follows) {
  method_ = http::name(method);
  connection_->send(*this, head, method, body, body_follows);
  if (connection_ == nullptr) return;
  number_ = connection_->requests();
  reused_ = connection_->reused();
}

void Try::on_interim(const http::ReceivedResponse& head) { observer_.on_try_interim(head); }

void Try::on_response(const http::ReceivedResponse& head, std::string_view body,
                      Progress progress) {
  status_ = head.status;
  first_byte_ = loop_.now();
  bytes_in_ += body.size();
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
  record::Ending ending{.ended_by = EndedBy::local,
                        .how = How::none,
                        .phase = Phase::body,
                        .cause = Cause::ok_completed,
                        .severity = record::Severity::normal,
                        .delivered = Delivered::all};
  if (connection_->request_due()) {
    ending.cause = Cause::upstream_early_reply;
    ending.phase = Phase::send;
    ending.how = How::fin;
    ending.delivered = Delivered::partial;
  } else if (progress == Progress::unproved) {
    ending.cause = Cause::upstream_body_end_unproved;
    ending.ended_by = EndedBy::peer;
    ending.how = How::fin;
  }
  ending.severity = record::info(ending.cause).severity;
  finish(ending);
}

void Try::on_connection_end(const record::Ending& ending) {
  finish(ending);
  observer_.on_try_failed(ending);
}

void Try::on_timer() {
  ledger_.counters().timer_fired(record::TimerKind::per_try);
  cancel(Cause::timeout_try);
}

void Try::cancel(Cause cause) {
  if (!active()) return;
  record::Ending ending{.ended_by = EndedBy::local,
                        .how = cause == Cause::timeout_try ? How::timeout : How::fin,
                        .phase = connection_ != nullptr ? connection_->phase() : Phase::connect,
                        .cause = cause,
                        .severity = record::info(cause).severity};
  if (cause == Cause::timeout_try)
    ending.evidence.setting_value = static_cast<std::uint64_t>(budget_.count());
  Connection* connection = connection_;
  Waiter::unlink();
  finish(ending);
  if (connection != nullptr) connection->cancel(cause);
  if (cause == Cause::timeout_try) observer_.on_try_failed(ending);
}

/// The one exit: the request's record of this leg.
void Try::finish(const record::Ending& ending) {
  loop_.timers().disarm(*this);
  server_->requests_live.fetch_sub(1, std::memory_order_relaxed);
  if (connection_ != nullptr) request_bytes_ = connection_->request_bytes();
  connection_ = nullptr;
  const Instant now = loop_.precise_now();
  record::RequestRecord record;
  record.connection = connection_id_;
  record.number = number_;
  record.role = record::Role::client;
  record.method = method_;
  record.status = static_cast<std::uint16_t>(status_);
  record.started = WallTime(started_.time_since_epoch() + wall_offset_);
  record.duration = now - started_;
  if (first_byte_ != Instant{}) record.time_to_first_byte = first_byte_ - started_;
  record.bytes_in = bytes_in_;
  record.bytes_out = request_bytes_;
  record.ending = ending;
  ledger_.finish(std::move(entry_), record);
}

}  // namespace finack::client
