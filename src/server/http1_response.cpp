// The response's side of an exchange: framing, closing, and what is recorded of a request.
#include <cstring>

#include "http/encoder.h"
#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using http::Header;
using http::ResponseHead;
using http::WriteState;
using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr std::size_t kInlineBody = 8 * 1024;  ///< Bodies up to this are copied behind their head.

std::string_view error_text(int status) { return http::reason_phrase(status); }

}  // namespace

void Http1Exchange::want_close(const Verdict& verdict) {
  if (close_) return;
  close_ = true;
  close_verdict_ = verdict;
}

/// Does the connection end after this response, and for which cause? Ours before the client's wish.
void Http1Exchange::decide_close(const ResponseHead& head, bool whole) {
  const std::uint32_t most = worker_.settings().limits.requests_per_connection;
  const auto local = [this](Cause cause) {
    want_close({EndedBy::local, How::fin, Phase::flush, cause});
  };
  if (close_) return;
  if (whole && body_open()) {
    note_early_reply();
  } else if (worker_.draining()) {
    local(Cause::operator_shutdown);
  } else if (most != 0 && number_ >= most) {
    local(Cause::policy_request_limit);
  } else if (connection_->past_lifetime()) {
    local(Cause::timeout_lifetime);
  } else if (connection_->peer_finished() && !another_request_waits()) {
    want_close({EndedBy::peer, How::fin, Phase::flush, Cause::ok_half_close_served});
  } else if (!head_.keep_alive || head.close || out_ == Out::until_close) {
    local(Cause::ok_completed);
  }
}

/// Answered before the request's body ended: the rest is discarded and the connection closes.
void Http1Exchange::note_early_reply() {
  const Verdict verdict{EndedBy::local, How::reply, connection_->phase(), Cause::policy_early_reply};
  if (!verdict_) verdict_ = verdict;
  note_body_progress(evidence_);
  want_close(verdict);
}

bool Http1Exchange::gone() const {
  return connection_ == nullptr ||
         (departure_ && departure_.cause != Cause::client_left_unproved);
}

/// Writes the head. `whole`: the body follows at once and is `length` bytes. False: refused.
bool Http1Exchange::begin_response(const ResponseHead& head, bool whole, std::uint64_t length,
                                   std::string_view body) {
  if (!http::valid(head)) return false;
  const bool no_body = http::is_bodiless(head.status);
  const bool has_length = whole || head.content_length != ResponseHead::kChunked;
  const std::uint64_t promised = whole ? length : head.content_length;
  out_ = no_body               ? Out::no_body
         : has_length          ? Out::length
         : head_.minor == 0    ? Out::until_close
                               : Out::chunked;
  decide_close(head, whole);
  http::EncodeContext context;
  context.minor = head_.minor;
  context.head_request = head_request_;
  context.close = close_;
  context.chunked = out_ == Out::chunked;
  context.has_length = has_length && !no_body;
  context.length = promised;
  if (!close_) {
    const std::uint32_t most = worker_.settings().limits.requests_per_connection;
    context.keep_alive = worker_.keep_alive(most == 0 ? 0 : most - number_);
  }
  context.date = worker_.date();
  if (head_request_) out_ = Out::no_body;
  if (out_ == Out::no_body) body = {};
  response_begin_ = outbox_.queued();
  response_left_ = out_ == Out::length ? promised : 0;
  status_ = static_cast<std::uint16_t>(head.status);
  char* out = outbox_.reserve(http::head_size_bound(head, context) + body.size());
  std::size_t n = http::encode_head(head, context, out);
  if (!body.empty()) {
    std::memcpy(out + n, body.data(), body.size());
    n += body.size();
    response_left_ -= body.size();
  }
  outbox_.commit(n);
  response_ = Response::started;
  times_.response_owed = worker_.loop().now();
  flush_ = true;
  return true;
}

bool Http1Exchange::respond(const ResponseHead& head, std::string_view body) {
  if (released_) return true;
  if (gone() || response_ != Response::none) {
    released_ = true;
    return finish_async();
  }
  const bool in_place = body.size() <= kInlineBody;
  if (!begin_response(head, true, body.size(), in_place ? body : std::string_view())) return false;
  if (!in_place && out_ == Out::length) {
    outbox_.append(body);
    response_left_ = 0;
  }
  end_response();
  return true;
}

bool Http1Exchange::respond_owned(const ResponseHead& head, std::string&& body) {
  if (body.size() <= kInlineBody || gone()) return respond(head, body);
  if (released_ || response_ != Response::none) return respond(head, {});
  if (!begin_response(head, true, body.size(), {})) return false;
  if (out_ == Out::length) outbox_.append_owned(std::move(body));
  response_left_ = 0;
  end_response();
  return true;
}

bool Http1Exchange::respond_file(const ResponseHead& head, int file, std::uint64_t offset,
                                 std::uint64_t bytes) {
  Fd owned(file);
  if (gone() || released_ || response_ != Response::none)
    return respond(head, {});
  if (!begin_response(head, true, bytes, {})) return false;
  if (out_ == Out::length) outbox_.append_file(std::move(owned), offset, bytes);
  response_left_ = 0;
  end_response();
  return true;
}

bool Http1Exchange::start(const ResponseHead& head) {
  if (released_ || gone() || response_ != Response::none) return true;
  if (!begin_response(head, false, 0, {})) return false;
  schedule();
  return true;
}

WriteState Http1Exchange::write(std::string_view bytes) {
  if (gone() || response_ != Response::started) return WriteState::gone;
  if (bytes.empty()) return WriteState::ready;
  switch (out_) {
    case Out::no_body:
      return WriteState::ready;
    case Out::length:
      if (bytes.size() > response_left_) {
        outbox_.append(bytes.substr(0, static_cast<std::size_t>(response_left_)));
        response_left_ = 0;
        verdict_ = Verdict{EndedBy::local, How::fin, Phase::response, Cause::app_body_over};
        override_close(*verdict_);
        flush_ = true;
        schedule();
        return WriteState::gone;
      }
      response_left_ -= bytes.size();
      outbox_.append(bytes);
      break;
    case Out::chunked: {
      char* out = outbox_.reserve(24);
      outbox_.commit(http::encode_chunk_size(bytes.size(), out));
      outbox_.append(bytes);
      outbox_.append("\r\n");
      break;
    }
    case Out::until_close:
      outbox_.append(bytes);
      break;
  }
  times_.response_owed = worker_.loop().now();
  flush_ = true;
  schedule();
  return outbox_.bytes() > worker_.settings().limits.write_buffer_bytes ? WriteState::wait
                                                                         : WriteState::ready;
}

void Http1Exchange::on_write_ready(Callback callback) { write_ready_ = std::move(callback); }

void Http1Exchange::finish(std::span<const Header> trailers) {
  if (released_) return;
  released_ = true;
  if (gone() || response_ != Response::started) {
    finish_async();
    return;
  }
  if (out_ == Out::length && response_left_ > 0) {
    cut({EndedBy::local, How::fin, Phase::response, Cause::app_body_short});
    finish_async();
    return;
  }
  if (out_ == Out::chunked) {
    if (!http::valid_trailers(trailers)) trailers = {};
    char* out = outbox_.reserve(http::last_chunk_size_bound(trailers));
    outbox_.commit(http::encode_last_chunk(trailers, out));
  }
  end_response();
}

/// The response is complete on our side: the handler lets go with it.
void Http1Exchange::end_response() {
  if (!close_ && body_open()) note_early_reply();
  response_ = Response::finished;
  released_ = true;
  finish_async();
}

/// Outside of a handler's call nobody comes back to release the exchange: the end of the turn does.
bool Http1Exchange::finish_async() {
  flush_ = true;
  if (!in_handler_) {
    release_later_ = true;
    schedule();
  }
  return true;
}

void Http1Exchange::inform(int status, std::span<const Header> headers) {
  if (gone() || response_ != Response::none || head_.minor == 0) return;
  if (!http::valid(headers)) return;
  char* out = outbox_.reserve(http::interim_size_bound(headers));
  outbox_.commit(http::encode_interim(status, headers, out));
  flush_ = true;
  schedule();
}

// ---- Endings -------------------------------------------------------------------------------------

void Http1Exchange::abort(Cause cause, std::string_view exception) {
  if (released_) return;
  exception_ = exception.substr(0, 256);
  if (!gone() && departure_ && response_ == Response::none) {
    // By setting the FIN cancelled the request: the 503 asks the client whether it is still there.
    const Verdict cancelled{EndedBy::local, How::reply, Phase::handling,
                            Cause::policy_half_close_cancelled};
    if (answer_error(503, cancelled, {})) decided_ = false;  // its fate is still open
    released_ = true;
    finish_async();
    return;
  }
  if (gone()) {
    released_ = true;
    finish_async();
    return;
  }
  const int status = cause == Cause::app_failed || cause == Cause::app_no_reply ? 500
                     : cause == Cause::policy_overload_shed                     ? 503
                     : cause == Cause::timeout_handler                          ? 503
                                                                                : 0;
  released_ = true;
  const bool ours = cause == Cause::timeout_handler;
  const Verdict verdict{EndedBy::local, ours ? How::timeout : How::reply, connection_->phase(), cause};
  if (response_ == Response::none && status != 0) {
    verdict_ = verdict;
    ResponseHead head;
    head.status = status;
    head.content_type = "text/plain; charset=utf-8";
    released_ = false;
    respond(head, error_text(status));
    return;
  }
  if (response_ == Response::started) {
    // The client must see that something is missing: no last chunk, fewer bytes than promised.
    verdict_ = Verdict{EndedBy::local, How::fin, Phase::response, cause};
    const Cause of_connection = cause == Cause::app_abort ? cause : Cause::app_body_short;
    cut({EndedBy::local, How::fin, Phase::response, of_connection});
    finish_async();
    return;
  }
  verdict_ = Verdict{EndedBy::local, How::rst, connection_->phase(), cause};
  abort_ = true;  // app.abort: a reset on purpose, at the end of the turn
  finish_async();
}

void Http1Exchange::cut(const Verdict& verdict) {
  if (!verdict_) verdict_ = verdict;
  response_ = Response::broken;
  override_close(verdict);
  reset_close_ = out_ == Out::until_close;
  flush_ = true;
  schedule();
}

void Http1Exchange::override_close(const Verdict& verdict) {
  close_ = true;
  close_verdict_ = verdict;
}

bool Http1Exchange::answer_error(int status, const Verdict& verdict,
                                 const record::Evidence& evidence) {
  if (response_ != Response::none || connection_ == nullptr) return false;
  if (!serving_) head_.minor = 1;
  evidence_ = evidence;
  verdict_ = verdict;
  override_close(verdict);
  decided_ = true;
  refused_ = true;
  ResponseHead head;
  head.status = status;
  head.content_type = "text/plain; charset=utf-8";
  if (!serving_) head_request_ = false;
  if (!begin_response(head, true, error_text(status).size(), error_text(status))) return false;
  response_ = Response::finished;
  answered_.push_back(describe());
  if (handler_running()) {
    detached_ = true;
    stop_handler(verdict);
  } else {
    serving_ = dispatch_ = false;
  }
  return true;
}

void Http1Exchange::set_late(const Verdict& verdict, const record::Evidence& evidence) {
  late_ = verdict;
  late_evidence_ = evidence;
}

std::uint64_t Http1Exchange::current_response_bytes() const {
  if (response_ != Response::none) return outbox_.queued() - response_begin_;
  return answered_.empty() ? 0 : answered_.back().end - answered_.back().begin;
}

/// Takes what the records need of the request in progress.
AnsweredRequest Http1Exchange::describe() {
  AnsweredRequest request;
  request.entry = std::move(entry_);
  request.started = times_.head_started;
  request.first_byte = times_.response_started;
  request.end = outbox_.queued();
  request.begin = response_ == Response::none ? request.end : response_begin_;
  request.body_in = body_bytes_;
  request.number = number_;
  request.status = status_;
  request.verdict = verdict_;
  if (!verdict_ && close_ && close_verdict_.cause == Cause::ok_half_close_served)
    request.verdict = close_verdict_;
  request.evidence = evidence_;
  request.method = head_.method_name;
  request.target = head_.target;
  request.route = route_;
  if (!exception_.empty()) request.exception = std::move(exception_);
  if (!request_id_.empty()) request.request_id = std::move(request_id_);
  return request;
}

/// The kernel took bytes: stamps first bytes, and settles what is complete unless the connection closes,
/// when the acknowledgement is waited for.
void Http1Exchange::on_handed(Instant now) {
  const std::uint64_t sent = outbox_.sent();
  if (response_ != Response::none && times_.response_started == Instant{} && sent > response_begin_)
    times_.response_started = now;
  std::size_t settled = 0;
  for (AnsweredRequest& request : answered_) {
    if (request.first_byte == Instant{} && sent > request.begin) request.first_byte = now;
    if (request.end > sent) break;
    if (close_ && !busy() && &request == &answered_.back()) break;
    settle(request, ending_of(request, request.end, false), now);
    ++settled;
  }
  if (settled == answered_.size()) {
    answered_.clear();
  } else if (settled > 0) {
    answered_.erase(answered_.begin(), answered_.begin() + static_cast<std::ptrdiff_t>(settled));
  }
  if (outbox_.bytes() <= worker_.settings().limits.write_buffer_bytes / 2) wake(write_ready_);
}

/// A request's ending: its own verdict, or ok.completed unless its response was lost.
record::Ending Http1Exchange::ending_of(const AnsweredRequest& request, std::uint64_t acked_to,
                                        bool asked) const {
  record::Ending ending;
  const Verdict verdict = request.verdict.value_or(
      Verdict{EndedBy::local, How::none, Phase::flush, Cause::ok_completed});
  ending.ended_by = verdict.ended_by;
  ending.how = verdict.how;
  ending.phase = verdict.phase;
  ending.cause = verdict.cause;
  ending.evidence = request.evidence;
  const bool lost = asked && acked_to < request.end;
  if (lost && late_ && (!request.verdict || overridable(verdict.cause))) {
    ending.ended_by = late_->ended_by;
    ending.how = late_->how;
    ending.phase = late_->phase;
    ending.cause = late_->cause;
    ending.evidence = late_evidence_;
  }
  ending.severity = record::info(ending.cause).severity;
  ending.evidence.request = request.number;
  ending.undelivered_bytes = lost ? request.end - std::max(acked_to, request.begin) : 0;
  ending.delivered = request.status == 0         ? Delivered::none
                     : !asked                    ? Delivered::handed
                     : !lost                     ? Delivered::all
                     : acked_to > request.begin  ? Delivered::partial
                                                 : Delivered::none;
  return ending;
}

void Http1Exchange::settle(AnsweredRequest& request, const record::Ending& ending, Instant now) {
  const std::uint64_t bytes_out = request.end - request.begin;
  if (connection_ != nullptr) connection_->note_response_bytes(bytes_out);
  const Nanos ttfb = request.first_byte == Instant{} ? Nanos{-1} : request.first_byte - request.started;
  record::Ledger& ledger = worker_.ledger();
  if (ending.cause == Cause::ok_completed && ending.severity == record::Severity::normal &&
      !ledger.wants_completed()) {
    return ledger.finish_completed(std::move(request.entry), now - request.started, ttfb,
                                   request.body_in, bytes_out, request.status);
  }
  record::RequestRecord record;
  record.connection = connection_id_;
  record.number = request.number;
  record.purpose = worker_.purpose();
  record.method = request.method;
  record.target = request.target;
  record.route = request.route != nullptr ? std::string_view(request.route->pattern) : "";
  record.exception = request.exception;
  record.request_id = request.request_id;
  record.status = request.status;
  record.started = worker_.wall(request.started);
  record.duration = now - request.started;
  record.time_to_first_byte = ttfb;
  record.bytes_in = request.body_in;
  record.bytes_out = bytes_out;
  record.ending = ending;
  ledger.finish(std::move(request.entry), record);
}

/// The connection is over. Every request still on it ends here, but for one whose handler still runs.
void Http1Exchange::leave(const record::Ending& ending, std::uint64_t unacked) {
  const Instant now = worker_.loop().precise_now();
  const std::uint64_t sent = outbox_.sent();
  const std::uint64_t acked_to = sent > unacked ? sent - unacked : 0;
  const bool response_begun = response_ != Response::none;
  if (!late_) set_late({ending.ended_by, ending.how, ending.phase, ending.cause}, ending.evidence);
  for (AnsweredRequest& request : answered_) {
    settle(request, ending_of(request, acked_to, true), now);
  }
  answered_.clear();
  if (entry_) {
    record::Ending own = ending;
    if (verdict_) {
      own.ended_by = verdict_->ended_by;
      own.how = verdict_->how;
      own.phase = verdict_->phase;
      own.cause = verdict_->cause;
      own.severity = record::info(own.cause).severity;
    }
    own.evidence.request = number_;
    own.evidence.linger = record::Linger::none;
    const std::uint64_t queued = outbox_.queued();
    own.undelivered_bytes = queued - std::min(queued, std::max(acked_to, response_begun ? response_begin_ : 0));
    own.delivered = !response_begun ? (response_owed() ? Delivered::none : Delivered::nothing_owed)
                    : acked_to > response_begin_ ? Delivered::partial
                                                 : Delivered::none;
    left_ = own;
    if (!handler_running()) {
      AnsweredRequest request = describe();
      settle(request, own, now);
    }
  }
  outbox_.drop();
  connection_ = nullptr;
  flush_ = dispatch_ = abort_ = false;
  if (!handler_running()) {
    if (linked()) unlink();
    release_later_ = false;
    return worker_.give_back(this);
  }
  // An orphan: its handler is told, and gives it back when it lets go.
  if (!departure_) stop_handler({ending.ended_by, ending.how, ending.phase, ending.cause});
}

}  // namespace finack::server
