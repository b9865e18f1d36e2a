// The request's side of an exchange: heads, bodies, handlers, and how they are told of the end.
#include "server/http1_exchange.h"

#include <algorithm>

#include "server/connection.h"
#include "server/worker.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr std::size_t kPipelineBytes = 128 * 1024;  ///< Answers gathered before they are sent.

http::HeadLimits head_limits(const Limits& limits) {
  return {.head_bytes = limits.head_bytes, .headers = limits.headers, .target_bytes = limits.target_bytes};
}

http::ChunkLimits chunk_limits(const Limits& limits) {
  http::ChunkLimits chunk;
  chunk.trailer_bytes = limits.trailer_bytes;
  return chunk;
}

}  // namespace

Http1Exchange::Http1Exchange(Worker& worker) : worker_(worker), outbox_(worker.loop().buffers()) {}

Http1Exchange::~Http1Exchange() = default;

void Http1Exchange::begin(Connection& connection) {
  connection_ = &connection;
  connection_id_ = connection.id();
  peer_ = connection.peer();
  local_ = {};
  late_.reset();
  left_.reset();
  close_ = refused_ = decided_ = flush_ = fin_handling_ = false;
  abort_ = reset_close_ = release_later_ = in_handler_ = false;
  reset_request();
}

void Http1Exchange::clear() {
  connection_ = nullptr;
  if (linked()) unlink();
  inbox_.clear();
  outbox_.reset();
  answered_.clear();
  body_ready_ = nullptr;
  write_ready_ = nullptr;
  sleep_done_ = nullptr;
  worker_.loop().timers().disarm(sleep_timer_);
}

/// Ready for the next head of the same connection.
void Http1Exchange::reset_request() {
  parser_.reset();
  times_ = Times{};
  verdict_.reset();
  evidence_ = {};
  departure_ = {};
  body_left_ = body_bytes_ = 0;
  returned_ = 0;
  status_ = 0;
  response_ = Response::none;
  body_ = Body::none;
  serving_ = dispatch_ = started_ = released_ = detached_ = false;
  probed_ = continued_ = waits_for_body_ = head_request_ = false;
  route_ = nullptr;
  if (!request_id_.empty()) request_id_.clear();
  if (!exception_.empty()) exception_.clear();
  if (stop_) stop_.reset();
}

bool Http1Exchange::idle() const {
  return !serving_ && answered_.empty() && inbox_.empty() && outbox_.empty() && !entry_;
}

bool Http1Exchange::body_open() const {
  if (!serving_) return false;
  if (body_ == Body::length) return inbox_.bytes() - returned_ < body_left_;
  if (body_ != Body::chunked) return false;
  // Is the end of the body among the bytes nobody has read yet? A copy of the decoder looks ahead.
  http::ChunkedDecoder ahead = decoder_;
  const http::ChunkLimits limits = chunk_limits(worker_.settings().limits);
  std::size_t skip = returned_;
  bool open = true;
  inbox_.for_each_piece([&](std::string_view piece) {
    const std::size_t n = std::min(skip, piece.size());
    skip -= n;
    piece.remove_prefix(n);
    while (open && !piece.empty()) {
      const auto step = ahead.step(piece, limits);
      piece.remove_prefix(step.consumed);
      if (step.kind == http::ChunkedDecoder::Step::Kind::end) open = false;
      if (step.kind == http::ChunkedDecoder::Step::Kind::need_more ||
          step.kind == http::ChunkedDecoder::Step::Kind::rejected)
        break;
    }
  });
  return open;
}

void Http1Exchange::schedule() {
  if (!linked()) worker_.loop().defer(*this);
}

/// All answers are with the kernel: go on with what has come meanwhile.
void Http1Exchange::resume_input() {
  if (serving_ || refused_ || inbox_.empty() || !answered_.empty()) return;
  inbox_.release_held();
  if (try_head()) schedule();
}

// ---- Heads ---------------------------------------------------------------------------------------

void Http1Exchange::on_input() {
  if (serving_) {
    if (waits_for_body_) {
      waits_for_body_ = false;
      connection_->enter(response_ == Response::none ? Phase::handling : Phase::response);
      wake(body_ready_);
      if (connection_ == nullptr) return;
    }
    return connection_->update_reading();
  }
  if (!answered_.empty() || !outbox_.empty()) return connection_->update_reading();
  if (try_head()) {
    schedule();
  } else if (connection_ != nullptr && !refused_) {
    connection_->rearm();
  }
}

/// Reads a head. True when there is a whole one, and its handler is to be started.
bool Http1Exchange::try_head() {
  if (answered_.empty()) inbox_.join();
  if (times_.head_started == Instant{}) {
    times_.head_started = times_.rate_since = worker_.loop().now();
  }
  const http::HeadLimits limits = head_limits(worker_.settings().limits);
  const auto state = parser_.parse(inbox_.front(), limits, head_);
  if (state == http::HeadParser::State::done) {
    begin_request();
    return !refused_;
  }
  connection_->enter(Phase::head);
  if (parser_.begun() && !entry_) {
    entry_ = worker_.ledger().open_request();
    number_ = connection_->next_request();
  }
  if (state == http::HeadParser::State::rejected) refuse(parser_.reject());
  return false;
}

void Http1Exchange::begin_request() {
  if (!entry_) {
    entry_ = worker_.ledger().open_request();
    number_ = connection_->next_request();
  }
  inbox_.hold_front();
  inbox_.consume(parser_.consumed());
  serving_ = true;
  head_request_ = head_.method == http::Method::head;
  connection_->note_version(head_.minor);
  times_.head_done = worker_.loop().now();
  switch (head_.framing) {
    case http::Framing::none:
      body_ = Body::none;
      break;
    case http::Framing::length:
      body_ = Body::length;
      body_left_ = head_.content_length;
      if (body_left_ > worker_.settings().limits.body_bytes) {
        connection_->enter(Phase::body);
        return refuse(http::Reject::body_too_large);
      }
      if (body_left_ == 0) body_ = Body::complete;
      break;
    case http::Framing::chunked:
      body_ = Body::chunked;
      decoder_.reset();
      break;
  }
  connection_->enter(Phase::handling);
  dispatch_ = true;
}

/// A rule was broken: one reason, one status, one cause. The reply goes out, what still comes is
/// discarded, and the connection closes.
void Http1Exchange::refuse(http::Reject reject) {
  const Verdict verdict{EndedBy::local, How::reply, connection_->phase(), http::cause(reject)};
  record::Evidence evidence;
  evidence.reason = http::name(reject).data();
  if (reject == http::Reject::body_too_large && head_.framing == http::Framing::length)
    evidence.expected_bytes = head_.content_length;
  note_body_progress(evidence);
  if (!answer_error(http::status(reject), verdict, evidence)) {
    stop_handler(verdict);
    cut(verdict);
  }
  flush_ = true;
  schedule();
}

void Http1Exchange::note_body_progress(record::Evidence& evidence) const {
  if (!serving_ || body_ == Body::none) return;
  evidence.received_bytes = body_bytes_ + (body_ == Body::length ? inbox_.bytes() - returned_ : 0);
  if (head_.framing == http::Framing::length) evidence.expected_bytes = head_.content_length;
}

// ---- Handlers ------------------------------------------------------------------------------------

/// The end of a loop turn: everything that this wake-up had to tell is known.
void Http1Exchange::run_deferred() {
  if (std::exchange(release_later_, false)) {
    const bool orphan = connection_ == nullptr;
    release();
    if (orphan) return;
  }
  if (connection_ == nullptr) return;
  if (dispatch_) start_handlers();
  if (connection_ == nullptr) return;
  if (abort_)
    return connection_->end({EndedBy::local, How::rst, Phase::handling, Cause::app_abort}, {});
  if (std::exchange(flush_, false)) connection_->flush();
}

/// Runs the handler; when it answered in place, goes on with the requests that are already here, so that
/// pipelined answers leave in one send.
void Http1Exchange::start_handlers() {
  for (;;) {
    dispatch_ = false;
    if (connection_->peer_finished() && body_open())  // a pipelined request that was cut
      return connection_->end(
          {EndedBy::peer, How::fin, Phase::body, Cause::client_body_truncated}, {});
    run_handler();
    if (serving_) {  // the answer comes later
      if (connection_->peer_finished()) on_client_fin();
      connection_->rearm();
      return;
    }
    flush_ = true;
    if (close_ || refused_ || abort_ || inbox_.empty() || outbox_.bytes() > kPipelineBytes) return;
    if (!try_head()) return;
  }
}

void Http1Exchange::run_handler() {
  times_.handler_started = worker_.loop().now();
  started_ = true;
  in_handler_ = true;
  worker_.handler().handle(*this);
  in_handler_ = false;
  worker_.mark_running(nullptr);
  if (released_) release();
}

/// The handler is done with the exchange, and no frame of it is on the stack.
void Http1Exchange::release() {
  body_ready_ = nullptr;
  write_ready_ = nullptr;
  sleep_done_ = nullptr;
  worker_.loop().timers().disarm(sleep_timer_);
  if (connection_ == nullptr) {  // orphaned: only the request's record was outstanding
    if (entry_ && left_) {
      AnsweredRequest request = describe();
      record::Ending ending = *left_;
      ending.evidence.exception = !exception_.empty();
      if (departure_) {
        const auto after = worker_.loop().precise_now() - departure_.at;
        ending.evidence.handler_after_left_us = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(after).count());
        if (route_ != nullptr && after > std::chrono::seconds(1)) {
          record::FindingRecord finding;
          finding.finding = record::Finding::handler_outlived_client;
          finding.worker = worker_.index();
          finding.connection = connection_id_;
          finding.route = route_->pattern;
          finding.at = worker_.wall(worker_.loop().now());
          finding.duration = after;
          worker_.ledger().find(finding);
        }
      }
      settle(request, ending, worker_.loop().precise_now());
    }
    worker_.give_back(this);
    return;
  }
  end_of_request_input();
  if (entry_) answered_.push_back(describe());
  reset_request();
}

/// What the handler did not read of the body is skipped if it is here; if it is not, the connection
/// cannot be reused (decide_close has seen to that).
void Http1Exchange::end_of_request_input() {
  consume_returned();
  if (close_) {
    refused_ = true;  // nothing after this response will be answered
    inbox_.drop_unread();
  } else {
    skip_body();
  }
  if (connection_ != nullptr) connection_->update_reading();
}

bool Http1Exchange::skip_body() {
  while (body_ == Body::length || body_ == Body::chunked) {
    const http::BodyRead read = body_ == Body::length ? read_length() : read_chunked();
    consume_returned();
    if (read.kind == http::BodyRead::Kind::wait || read.kind == http::BodyRead::Kind::cut) return false;
  }
  return true;
}

/// The connection's FIN came while this request is in progress: a half-close, or the client left.
void Http1Exchange::on_client_fin() {
  constexpr Verdict kServed{EndedBy::peer, How::fin, Phase::flush, Cause::ok_half_close_served};
  if (!another_request_waits()) {
    if (!close_ || close_verdict_.cause == Cause::ok_completed) override_close(kServed);
    if (!serving_ && !answered_.empty() && !answered_.back().verdict)
      answered_.back().verdict = kServed;
  }
  if (!busy() || response_ != Response::none) return;
  fin_handling_ = true;
  if (!started_) return;  // the handler has not started: its answer may come at once
  switch (worker_.settings().client_half_close) {
    case HalfClose::tolerate:
      return;
    case HalfClose::probe:
      if (probed_ || head_.minor == 0) return;
      probed_ = true;
      outbox_.append("HTTP/1.1 100 Continue\r\n\r\n");
      flush_ = true;
      schedule();
      return;
    case HalfClose::cancel:
      stop_handler({EndedBy::peer, How::fin, Phase::handling, Cause::client_left_unproved});
      return;
  }
}

/// Bytes behind the request in progress: a client that half-closed after them still wants its answers.
bool Http1Exchange::another_request_waits() const {
  const std::uint64_t body = body_ == Body::length ? body_left_ + returned_ : returned_;
  return body_ != Body::chunked && inbox_.bytes() > body;
}

void Http1Exchange::stop_handler(const Verdict& verdict) {
  if (!handler_running() || departure_) return;
  departure_ = {verdict.cause, verdict.how, worker_.loop().now()};
  if (stop_) stop_->request_stop();
  wake(body_ready_);
  wake(write_ready_);
  if (sleep_done_) {
    worker_.loop().timers().disarm(sleep_timer_);
    wake(sleep_done_);
  }
}

void Http1Exchange::wake(Callback& callback) {
  // A handler that is on the stack sees the departure by its next call.
  if (!callback || in_handler_) return;
  Callback run = std::exchange(callback, nullptr);
  in_handler_ = true;
  if (route_ != nullptr) worker_.mark_running(route_);
  run();
  worker_.mark_running(nullptr);
  in_handler_ = false;
  if (released_) release();
  if (connection_ != nullptr && (flush_ || dispatch_)) schedule();
}

// ---- The request body ----------------------------------------------------------------------------

void Http1Exchange::consume_returned() {
  while (returned_ > 0) {
    const std::size_t n = std::min(returned_, inbox_.front().size());
    inbox_.consume(n);
    returned_ -= n;
  }
}

http::BodyRead Http1Exchange::read_body() {
  using Kind = http::BodyRead::Kind;
  consume_returned();
  if (connection_ != nullptr) connection_->update_reading();
  if (departure_ || connection_ == nullptr || body_ == Body::cut) return {Kind::cut, {}};
  if (body_ == Body::none || body_ == Body::complete) return {Kind::end, {}};
  const http::BodyRead read = body_ == Body::length ? read_length() : read_chunked();
  if (read.kind != Kind::wait) return read;
  if (head_.expect_continue && !continued_ && response_ == Response::none && head_.minor == 1) {
    continued_ = true;
    outbox_.append("HTTP/1.1 100 Continue\r\n\r\n");
    flush_ = true;
    schedule();
  }
  if (!waits_for_body_) {
    waits_for_body_ = true;
    times_.body_waited = times_.rate_since = worker_.loop().now();
    connection_->enter(Phase::body);
    connection_->rearm();
  }
  return read;
}

http::BodyRead Http1Exchange::read_length() {
  using Kind = http::BodyRead::Kind;
  if (body_left_ == 0) {
    body_ = Body::complete;
    return {Kind::end, {}};
  }
  const std::string_view front = inbox_.front();
  if (front.empty()) return {Kind::wait, {}};
  const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(front.size(), body_left_));
  body_left_ -= n;
  body_bytes_ += n;
  returned_ = n;
  return {Kind::chunk, front.substr(0, n)};
}

http::BodyRead Http1Exchange::read_chunked() {
  using Kind = http::BodyRead::Kind;
  using Step = http::ChunkedDecoder::Step::Kind;
  const http::ChunkLimits limits = chunk_limits(worker_.settings().limits);
  for (;;) {
    const std::string_view front = inbox_.front();
    if (front.empty()) return {Kind::wait, {}};
    const auto step = decoder_.step(front, limits);
    switch (step.kind) {
      case Step::need_more:
        inbox_.consume(step.consumed);
        break;
      case Step::end:
        inbox_.consume(step.consumed);
        body_ = Body::complete;
        return {Kind::end, {}};
      case Step::data:
        body_bytes_ += step.data.size();
        returned_ = step.consumed;
        if (body_bytes_ <= worker_.settings().limits.body_bytes) return {Kind::chunk, step.data};
        body_ = Body::cut;
        refuse(http::Reject::body_too_large);
        return {Kind::cut, {}};
      case Step::rejected:
        body_ = Body::cut;
        refuse(decoder_.reject());
        return {Kind::cut, {}};
    }
  }
}

bool Http1Exchange::body_at_hand(std::string_view& out) {
  out = {};
  if (body_ == Body::none || body_ == Body::complete) return body_bytes_ == 0;
  if (body_ != Body::length || body_bytes_ > 0 || inbox_.front().size() < body_left_) return false;
  out = inbox_.front().substr(0, static_cast<std::size_t>(body_left_));
  body_bytes_ = body_left_;
  inbox_.hold_front();
  inbox_.consume(static_cast<std::size_t>(body_left_));
  body_left_ = 0;
  body_ = Body::complete;
  return true;
}

void Http1Exchange::on_body_ready(Callback callback) { body_ready_ = std::move(callback); }

// ---- Time, threads, cancellation -----------------------------------------------------------------

void Http1Exchange::SleepTimer::on_timer() { owner_.wake(owner_.sleep_done_); }

void Http1Exchange::sleep(Nanos d, Callback callback) {
  sleep_done_ = std::move(callback);
  // A client that has left ends the wait at once, but never from inside this call.
  const Instant at = departure_ ? worker_.loop().now() : worker_.loop().precise_now() + d;
  worker_.loop().timers().arm(sleep_timer_, at);
}

void Http1Exchange::post(Callback fn) {
  worker_.loop().post([this, run = std::move(fn)]() mutable { wake(run); });
}

Instant Http1Exchange::now() const { return worker_.loop().now(); }

std::stop_token Http1Exchange::stop_token() {
  if (!stop_) {
    stop_.emplace();
    if (departure_) stop_->request_stop();
  }
  return stop_->get_token();
}

http::Departure Http1Exchange::left() {
  if (departure_ || connection_ == nullptr) return departure_;
  const StreamEnd end = connection_->peek_end();
  if (end.kind == EndKind::none || end.kind == EndKind::fin) return {};
  return {Cause::client_left_waiting, How::rst, worker_.loop().precise_now()};
}

void Http1Exchange::set_route(const http::RouteLabel& route) {
  route_ = &route;
  worker_.mark_running(&route);
}

const Address& Http1Exchange::peer() const { return peer_; }

const Address& Http1Exchange::local() const {
  if (local_.family == Address::Family::none && connection_ != nullptr)
    local_ = connection_->local();
  return local_;
}

}  // namespace finack::server
