// An exchange's life: when its handler runs, waits, is stopped, and lets go.
#include "server/http1_exchange.h"

#include "server/connection.h"
#include "server/worker.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr std::size_t kPipelineBytes = 128 * 1024;  ///< Answers gathered before they are sent.
constexpr Nanos kOutlived = std::chrono::seconds(1);
/// Assigned as it stands, it is copied by a few moves; cleared in place it would be by a string
/// instruction, which takes longer to start.
constexpr RequestProgress kNoProgress;

}  // namespace

Http1Exchange::Http1Exchange(Worker& worker) : worker_(worker), outbox_(worker.loop().buffers()) {}

Http1Exchange::~Http1Exchange() = default;

void Http1Exchange::begin(Connection& connection) {
  connection_ = &connection;
  site_ = &connection.site();
  if (site_->replaced()) [[unlikely]]
    site_ = &worker_.move_on(connection);
  settings_ = &site_->settings();
  if (close_.has_evidence) close_evidence_ = {};
  close_ = {};
  sending_ = {};
  other_leg_.sequence = 0;
  flush_ = cut_ = in_handler_ = fin_handling_ = false;
  if (late_) late_.reset();
  if (left_) left_.reset();
  local_.family = Address::Family::none;
}

/// Ready for the next head of the same connection.
void Http1Exchange::reset_request() {
  if (r_.has_evidence) evidence_ = {};
  r_ = kNoProgress;
  clean_ = true;
  parser_.reset();
  departure_.cause = Cause::unknown;
  if (!request_id_.empty()) request_id_.clear();
  if (!exception_.empty()) exception_.clear();
  if (stop_) stop_.reset();
}

void Http1Exchange::clear() {
  connection_ = nullptr;
  if (!clean_) reset_request();
  if (linked()) unlink();
  inbox_.clear();
  outbox_.reset();
  if (!answered_.empty()) answered_.clear();
  if (!handed_.empty()) handed_.clear();
  drop_callbacks();
}

inline void Http1Exchange::drop_callbacks() {
  if (body_ready_) body_ready_ = nullptr;
  if (write_ready_) write_ready_ = nullptr;
  if (sleep_done_) sleep_done_ = nullptr;
  if (sleep_timer_.armed()) worker_.loop().timers().disarm(sleep_timer_);
}

bool Http1Exchange::idle() const {
  return r_.stage == Stage::head && !entry_ && inbox_.empty() && outbox_.empty() &&
         answered_.empty();
}

void Http1Exchange::schedule() { worker_.loop().defer(*this); }

void Http1Exchange::flush_soon() {
  flush_ = true;
  schedule();
}

bool Http1Exchange::gone() const {
  return connection_ == nullptr || (departure_ && departure_.cause != Cause::client_left_unproved &&
                                    departure_.cause != Cause::timeout_handler);
}

// ---- The handler runs ----

/// The end of a loop turn: everything that this wake-up had to tell is known.
void Http1Exchange::run_deferred() {
  if (to_release()) {
    const bool orphan = connection_ == nullptr;
    release();
    if (orphan) return;
  }
  if (connection_ == nullptr) return;
  if (r_.stage == Stage::queued) start_handlers();
  if (connection_ == nullptr) return;
  if (std::exchange(cut_, false)) return connection_->end(close_.verdict, close_evidence_);
  if (std::exchange(flush_, false)) connection_->flush();
  if (connection_ == nullptr) return;
  if (write_ready_ && writer_may_go_on()) wake(write_ready_);
}

/// Runs the handler; when it answered in place, goes on with the requests that are already here, so
/// that pipelined answers leave in one send.
void Http1Exchange::start_handlers() {
  for (;;) {
    if (connection_->peer_finished() && body_open()) return end_cut_request();
    run_handler();
    if (r_.stage == Stage::tunnel) return connection_->rearm();
    if (r_.stage == Stage::handling) {  // the answer comes later
      if (connection_->peer_finished()) on_client_fin();
      return connection_->rearm();
    }
    if (close_.wanted || close_.discard || inbox_.empty()) return;
    if (outbox_.bytes() > kPipelineBytes) return;
    file_answer();
    if (!try_head()) return;
  }
}

/// A pipelined request whose body will never be whole ends the connection, but not before the
/// answers to the requests before it are sent.
void Http1Exchange::end_cut_request() {
  const Verdict verdict{EndedBy::peer, How::fin, Phase::body, Cause::client_body_truncated};
  note_body_progress(evidence_);
  r_.has_evidence = true;
  if (outbox_.empty() && answered_.empty()) return connection_->end(verdict, evidence_);
  r_.verdict = verdict;
  r_.body = Body::cut;
  r_.stage = Stage::answered;
  override_close(verdict);
  keep_close_evidence(evidence_);
  flush_ = true;
}

void Http1Exchange::run_handler() {
  r_.stage = Stage::handling;
  r_.times.handler_started = worker_.loop().now();
  in_handler_ = true;
  worker_.handler().handle(*this);
  in_handler_ = false;
  worker_.mark_running(nullptr);
  if (to_release()) release();
}

/// Resumes a waiting handler. One that is on the stack already sees by its next call what is new.
void Http1Exchange::wake(Callback& callback) {
  if (!callback || in_handler_ || to_release()) return;
  Callback run = std::exchange(callback, nullptr);
  in_handler_ = true;
  if (r_.route != nullptr) worker_.mark_running(r_.route);
  run();
  worker_.mark_running(nullptr);
  in_handler_ = false;
  if (to_release()) schedule();
}

void Http1Exchange::post(Callback fn) {
  worker_.loop().post([this, run = std::move(fn)]() mutable { wake(run); });
}

/// The handler called finish, abort or a whole response: it will not touch the exchange again. What
/// follows waits until no frame of it is on the stack.
void Http1Exchange::let_go() {
  r_.stage = r_.stage == Stage::detached ? Stage::done : Stage::released;
  flush_ = true;
  if (!in_handler_) schedule();
}

void Http1Exchange::release() {
  drop_callbacks();
  if (connection_ == nullptr) return end_orphan();
  if (r_.returned > 0) consume_returned();
  if (close_.wanted) {
    close_.discard = true;  // nothing after this response will be answered
    inbox_.drop_unread();
  } else if (body_unread()) {
    skip_body();
  }
  if (connection_->reading_paused()) connection_->update_reading();
  if (entry_) {
    r_.stage = Stage::answered;
  } else {  // answered without the handler, and recorded
    reset_request();
  }
}

// ---- The client leaves ----

/// The connection's FIN came while a request is in progress: a half-close, or the client left.
void Http1Exchange::on_client_fin() {
  constexpr Verdict kServed{EndedBy::peer, How::fin, Phase::flush, Cause::ok_half_close_served};
  if (r_.stage == Stage::tunnel) return tunnel_->deliver();
  if (!another_request_waits() && body_state() != BodyState::broken) {
    if (!close_.wanted || close_.verdict.cause == Cause::ok_completed) override_close(kServed);
    if (r_.stage == Stage::head && !answered_.empty() && !answered_.back().verdict)
      answered_.back().verdict = kServed;
  }
  if (!busy() || r_.response != Response::none) return;
  fin_handling_ = true;
  if (r_.stage != Stage::handling) return;  // not started yet: the answer may come at once
  switch (settings().client_half_close) {
    case HalfClose::tolerate:
      return;
    case HalfClose::probe:
      if (r_.probed || head_.minor == 0) return;
      r_.probed = true;
      return say_continue();
    case HalfClose::cancel:
      return stop_handler(
          {EndedBy::peer, How::fin, connection_->phase(), Cause::client_left_unproved});
  }
}

void Http1Exchange::say_continue() {
  outbox_.append("HTTP/1.1 100 Continue\r\n\r\n");
  flush_soon();
}

void Http1Exchange::stop_handler(const Verdict& verdict) {
  if (!handler_running() || departure_) return;
  departure_ = {verdict.cause, verdict.how, worker_.loop().now()};
  wake_all();
}

bool Http1Exchange::stop_in_time(const Verdict& verdict) {
  if (r_.stage != Stage::handling) return true;
  stop_handler(verdict);
  return r_.stage != Stage::handling;
}

/// Tells a handler that waits for whatever that nothing will come of it any more.
void Http1Exchange::wake_all() {
  if (stop_) stop_->request_stop();
  wake(body_ready_);
  wake(write_ready_);
  if (sleep_timer_.armed()) worker_.loop().timers().disarm(sleep_timer_);
  wake(sleep_done_);
}

/// The handler of a request whose connection is gone has let go: now its record is complete.
void Http1Exchange::end_orphan() {
  settle_orphan();
  worker_.forget_orphan(this);
  worker_.give_back(this);
}

void Http1Exchange::settle_orphan() {
  if (entry_ && left_) {
    const Instant now = worker_.loop().precise_now();
    record::Ending ending = *left_;
    ending.evidence.exception = !exception_.empty();
    const Nanos after = now - departure_.at;
    ending.evidence.handler_after_left_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(after).count());
    if (r_.route != nullptr && after > kOutlived && !r_.runs_on) {
      record::FindingRecord finding;
      finding.finding = record::Finding::handler_outlived_client;
      finding.worker = worker_.index();
      finding.connection = connection_id_;
      finding.route = r_.route->pattern;
      finding.at = worker_.wall(now);
      finding.duration = after;
      worker_.ledger().find(finding);
    }
    AnsweredRequest request = describe();
    settle(request, ending, now);
  }
}

// ---- What a handler may ask ----

void Http1Exchange::SleepTimer::on_timer() { owner_.wake(owner_.sleep_done_); }

void Http1Exchange::sleep(Nanos d, Callback callback) {
  sleep_done_ = std::move(callback);
  if (d == Nanos::max() && !departure_) return worker_.loop().timers().disarm(sleep_timer_);
  // A client that has left ends the wait at once, but never from inside this call.
  const Instant at = departure_ ? worker_.loop().now() : worker_.loop().precise_now() + d;
  worker_.loop().timers().arm(sleep_timer_, at);
}

Instant Http1Exchange::now() const { return worker_.loop().now(); }

std::stop_token Http1Exchange::stop_token() {
  if (!stop_) {
    stop_.emplace();
    if (departure_) stop_->request_stop();
  }
  return stop_->get_token();
}

/// What ends the request ends the connection, at the end of the turn.
void Http1Exchange::end_here(const Verdict& verdict, const record::Evidence& evidence) {
  evidence_ = evidence;
  r_.has_evidence = true;
  r_.verdict = verdict;
  override_close(verdict);
  keep_close_evidence(evidence);
  cut_ = true;
  schedule();
}

/// The handler asks the kernel itself, and may learn of the end before the loop does.
http::Departure Http1Exchange::left() {
  if (departure_ || connection_ == nullptr) return departure_;
  const StreamEnd end = connection_->peek_end();
  if (end.kind == EndKind::none || end.kind == EndKind::fin) return {};
  // What had been decided before stands.
  const std::optional<Verdict> verdict = connection_->judge_end(end.kind);
  if (verdict) {
    record::Evidence evidence;
    if (end.kind != EndKind::rst) evidence.error = end.error;
    if (body_open()) {
      note_body_progress(evidence);
      r_.body = Body::cut;  // no answer is owed to half a request
    }
    if (r_.response == Response::started) r_.response = Response::broken;
    end_here(*verdict, evidence);
  } else {
    cut_ = true;
    schedule();
  }
  departure_ = {close_.verdict.cause, close_.verdict.how, worker_.loop().precise_now()};
  return departure_;
}

void Http1Exchange::set_route(const http::RouteLabel& route) {
  r_.route = &route;
  worker_.mark_running(&route);
}

void Http1Exchange::set_queued(bool queued) {
  if (connection_ == nullptr || r_.stage != Stage::handling || r_.response != Response::none)
    return;
  if (connection_->phase() == (queued ? Phase::handling : Phase::queue))
    connection_->enter(queued ? Phase::queue : Phase::handling);
}

record::ConnectionId Http1Exchange::connection() const {
  return connection_ != nullptr ? connection_->id() : connection_id_;
}

const Address& Http1Exchange::peer() const {
  return connection_ != nullptr ? connection_->peer() : peer_;
}

const Address& Http1Exchange::local() const {
  if (local_.family == Address::Family::none && connection_ != nullptr)
    local_ = connection_->local();
  return local_;
}

}  // namespace finack::server
