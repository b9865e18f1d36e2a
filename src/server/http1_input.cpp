// The request's side of an exchange: heads, framing, bodies.
#include <algorithm>

#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

http::HeadLimits head_limits(const Limits& limits) {
  return {.head_bytes = limits.head_bytes,
          .headers = limits.headers,
          .target_bytes = limits.target_bytes};
}

http::ChunkLimits chunk_limits(const Limits& limits) {
  http::ChunkLimits chunk;
  chunk.trailer_bytes = limits.trailer_bytes;
  return chunk;
}

}  // namespace

// ---- Heads ----

void Http1Exchange::on_input() {
  if (r_.stage == Stage::head && answered_.empty() && outbox_.empty()) {
    if (try_head()) return schedule();
    if (connection_ != nullptr && !close_.discard) connection_->rearm();
    return;
  }
  if (r_.stage == Stage::tunnel) return tunnel_->deliver();
  connection_->update_reading();
  if (!r_.waits_for_body) return;
  r_.waits_for_body = false;
  r_.times.rate_paused = worker_.loop().now();
  connection_->enter(r_.response == Response::none ? Phase::handling : Phase::response);
  wake(body_ready_);
}

/// All answers are with the kernel: go on with what has come meanwhile.
void Http1Exchange::resume_input() {
  if (r_.stage != Stage::head || close_.discard || inbox_.empty() || !answered_.empty()) return;
  inbox_.release_held();
  if (try_head()) schedule();
}

/// Reads a head. True when there is a whole one, and its handler is to be started.
bool Http1Exchange::try_head() {
  if (answered_.empty()) inbox_.join();
  clean_ = false;
  const bool first_look = r_.times.head_started == Instant{};
  if (first_look) r_.times.head_started = worker_.loop().now();
  const auto state = parser_.parse(inbox_.front(), head_limits(settings().limits), head_);
  if (state == http::HeadParser::State::done) {
    begin_request();
    return !close_.discard;
  }
  if (state == http::HeadParser::State::need_more && !parser_.begun() &&
      connection_->requests() > 0) {
    // Empty lines behind a request are no request (RFC 9112 2.2); old clients send one after a
    // POST.
    inbox_.consume(inbox_.front().size() & ~std::size_t{1});
    parser_.reset();
    r_.times = {};
    return false;
  }
  if (first_look) connection_->start_rate(r_.times);
  connection_->enter(Phase::head);
  if (parser_.begun()) open_entry();
  if (state == http::HeadParser::State::rejected) {
    open_entry();
    refuse(parser_.reject());
  }
  return false;
}

void Http1Exchange::open_entry() {
  if (entry_) return;
  entry_ = worker_.ledger().open_request();
  number_ = connection_->next_request();
  other_leg_.sequence = 0;
  r_.response_begin = outbox_.queued();  // what is before belongs to earlier requests
}

void Http1Exchange::begin_request() {
  open_entry();
  inbox_.hold_front();
  inbox_.consume(parser_.consumed());
  r_.stage = Stage::queued;
  if (head_.method == http::Method::head) r_.head_method = true;
  r_.times.head_done = worker_.loop().now();
  r_.times.rate_since = {};
  connection_->note_version(head_.minor);
  if (head_.framing != http::Framing::none) frame_body();
  if (!close_.discard) connection_->enter(Phase::handling);
}

void Http1Exchange::frame_body() {
  if (head_.framing == http::Framing::chunked) {
    r_.body = Body::chunked;
    decoder_.reset();
    return;
  }
  r_.body = head_.content_length == 0 ? Body::complete : Body::length;
  r_.body_left = head_.content_length;
  if (r_.body_left <= settings().limits.body_bytes) return;
  connection_->enter(Phase::head);
  refuse(http::Reject::body_too_large);
}

/// A rule was broken: one reason, one status, one cause. The reply goes out, what still comes is
/// discarded, and the connection closes.
void Http1Exchange::refuse(http::Reject reject) {
  const Phase phase = r_.response == Response::started ? Phase::response
                      : r_.stage == Stage::handling    ? Phase::body
                                                       : connection_->phase();
  const Verdict verdict{EndedBy::local, How::reply, phase, http::cause(reject)};
  record::Evidence evidence;
  evidence.reason = http::name(reject).data();
  note_body_progress(evidence);
  if (!answer_error(http::status(reject), verdict, evidence)) {
    stop_handler(verdict);
    cut_refused(verdict, evidence);
  }
  flush_ = true;
  schedule();
}

/// A response is under way, so no reply says what was wrong: the client sees it cut.
void Http1Exchange::cut_refused(Verdict verdict, const record::Evidence& evidence) {
  verdict.how = How::fin;  // only chunks break this late, and HTTP/1.0 has none
  cut(verdict, &evidence);
}

void Http1Exchange::note_body_progress(record::Evidence& evidence) const {
  if (r_.stage == Stage::head || head_.framing == http::Framing::none) return;
  evidence.received_bytes = r_.body_bytes;
  if (r_.body == Body::length) {
    evidence.received_bytes += std::min<std::uint64_t>(inbox_.bytes() - r_.returned, r_.body_left);
  }
  if (head_.framing == http::Framing::length) evidence.expected_bytes = head_.content_length;
}

// ---- Bodies ----

/// Of a body that the handler has not read to its end.
Http1Exchange::BodyState Http1Exchange::unread_body_state() const {
  const bool over = r_.stage == Stage::head || r_.stage == Stage::answered;
  if (r_.body == Body::length) {
    const bool missing = !over && inbox_.bytes() - r_.returned < r_.body_left;
    return missing ? BodyState::open : BodyState::whole;
  }
  const Ahead ahead = look_ahead();
  if (ahead.broken) return BodyState::broken;
  return ahead.open && !over ? BodyState::open : BodyState::whole;
}

/// A copy of the chunk decoder walks over the bytes that nobody has read yet.
Http1Exchange::Ahead Http1Exchange::look_ahead() const {
  http::ChunkedDecoder decoder = decoder_;
  const http::ChunkLimits limits = chunk_limits(settings().limits);
  std::size_t skip = r_.returned;
  Ahead ahead{.open = true};
  inbox_.for_each_piece([&](std::string_view piece) {
    const std::size_t n = std::min(skip, piece.size());
    skip -= n;
    piece.remove_prefix(n);
    while (ahead.open && !piece.empty()) {
      const auto step = decoder.step(piece, limits);
      piece.remove_prefix(step.consumed);
      if (step.kind == http::ChunkedDecoder::Step::Kind::need_more) return;
      // Broken framing is no missing end: whoever reads it refuses it.
      ahead.broken = step.kind == http::ChunkedDecoder::Step::Kind::rejected;
      ahead.open = !ahead.broken && step.kind != http::ChunkedDecoder::Step::Kind::end;
    }
    if (!ahead.open && !ahead.broken) ahead.behind += piece.size();
  });
  return ahead;
}

/// Bytes behind the request in progress: a client that half-closed after them still wants answers.
bool Http1Exchange::another_request_waits() const {
  if (r_.stage == Stage::head) return !inbox_.empty();
  if (r_.body == Body::chunked) return look_ahead().behind > 0;
  const std::uint64_t body = r_.body == Body::length ? r_.body_left + r_.returned : r_.returned;
  return inbox_.bytes() > body;
}

void Http1Exchange::consume_returned() {
  while (r_.returned > 0) {
    const std::size_t n = std::min(r_.returned, inbox_.front().size());
    inbox_.consume(n);
    r_.returned -= n;
  }
}

/// What the handler did not read of the body is skipped, when it is here.
void Http1Exchange::skip_body() {
  while (r_.body == Body::length || r_.body == Body::chunked) {
    const http::BodyRead read = r_.body == Body::length ? read_length() : read_chunked();
    consume_returned();
    if (read.kind == http::BodyRead::Kind::wait || read.kind == http::BodyRead::Kind::cut) return;
  }
}

http::BodyRead Http1Exchange::read_body() {
  using Kind = http::BodyRead::Kind;
  consume_returned();
  if (connection_ != nullptr) connection_->update_reading();
  if (departure_ || connection_ == nullptr || r_.body == Body::cut) return {Kind::cut, {}};
  if (r_.body == Body::none || r_.body == Body::complete) return {Kind::end, {}};
  const http::BodyRead read = r_.body == Body::length ? read_length() : read_chunked();
  if (read.kind != Kind::wait) return read;
  if (connection_->input_over()) return cut_body();
  if (head_.expect_continue && !r_.continued && r_.response == Response::none) {
    r_.continued = true;
    say_continue();
  }
  if (!r_.waits_for_body) {
    r_.waits_for_body = true;
    r_.times.body_waited = worker_.loop().now();
    connection_->start_rate(r_.times);
    connection_->enter(Phase::body);
    connection_->rearm();
  }
  return read;
}

/// The client finished before the body's framed end, which shows only now that all was read.
http::BodyRead Http1Exchange::cut_body() {
  const Verdict verdict{EndedBy::peer, How::fin, Phase::body, Cause::client_body_truncated};
  record::Evidence evidence = evidence_;
  note_body_progress(evidence);
  end_here(verdict, evidence);
  r_.body = Body::cut;
  departure_ = {verdict.cause, verdict.how, worker_.loop().now()};
  return {http::BodyRead::Kind::cut, {}};
}

http::BodyRead Http1Exchange::read_length() {
  using Kind = http::BodyRead::Kind;
  if (r_.body_left == 0) {
    r_.body = Body::complete;
    return {Kind::end, {}};
  }
  const std::string_view front = inbox_.front();
  if (front.empty()) return {Kind::wait, {}};
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(front.size(), r_.body_left));
  r_.body_left -= n;
  r_.body_bytes += n;
  r_.returned = n;
  return {Kind::chunk, front.substr(0, n)};
}

http::BodyRead Http1Exchange::read_chunked() {
  using Kind = http::BodyRead::Kind;
  using Step = http::ChunkedDecoder::Step::Kind;
  const http::ChunkLimits limits = chunk_limits(settings().limits);
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
        r_.body = Body::complete;
        return {Kind::end, {}};
      case Step::data:
        r_.body_bytes += step.data.size();
        r_.returned = step.consumed;
        if (r_.body_bytes <= settings().limits.body_bytes) return {Kind::chunk, step.data};
        r_.body = Body::cut;
        refuse(http::Reject::body_too_large);
        return {Kind::cut, {}};
      case Step::rejected:
        r_.body = Body::cut;
        refuse(decoder_.reject());
        return {Kind::cut, {}};
    }
  }
}

bool Http1Exchange::body_at_hand(std::string_view& out) {
  out = {};
  if (r_.body == Body::none || r_.body == Body::complete) return r_.body_bytes == 0;
  if (r_.body != Body::length || r_.body_bytes > 0 || inbox_.front().size() < r_.body_left)
    return false;
  out = inbox_.front().substr(0, static_cast<std::size_t>(r_.body_left));
  r_.body_bytes = r_.body_left;
  inbox_.hold_front();
  inbox_.consume(static_cast<std::size_t>(r_.body_left));
  r_.body_left = 0;
  r_.body = Body::complete;
  return true;
}

std::span<const http::Header> Http1Exchange::trailers() const {
  if (head_.framing != http::Framing::chunked || r_.body != Body::complete) return {};
  return decoder_.trailers();
}

void Http1Exchange::on_body_ready(Callback callback) { body_ready_ = std::move(callback); }

}  // namespace finack::server
