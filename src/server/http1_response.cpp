// The response's side of an exchange: heads, framing, writing, and how it closes.
#include <algorithm>

#include "http/cause_status.h"
#include "http/encoder.h"
#include "http/field_text.h"
#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using http::Header;
using http::ResponseHead;
using http::WriteState;
using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr std::size_t kInlineBody = 8 * 1024;  ///< Bodies up to this are copied behind their head.

/// Of an error of our own: its body is the reason phrase.
ResponseHead error_head(int status) {
  ResponseHead head;
  head.status = status;
  head.content_type = "text/plain; charset=utf-8";
  return head;
}

}  // namespace

void Http1Exchange::want_close(const Verdict& verdict) {
  if (!close_.wanted) override_close(verdict);
}

void Http1Exchange::override_close(const Verdict& verdict) {
  close_.wanted = true;
  close_.verdict = verdict;
}

/// Does the connection end after this response, and for which cause? Ours before the client's wish.
void Http1Exchange::decide_close(const ResponseHead& head, bool whole) {
  if (close_.wanted) return;
  const std::uint32_t most = settings().limits.requests_per_connection;
  const auto local = [this](Cause cause) {
    override_close({EndedBy::local, How::fin, Phase::flush, cause});
  };
  const BodyState body = body_state();
  if (whole && body != BodyState::whole) {
    note_early_reply();
  } else if (site_->retiring()) {
    override_close({EndedBy::local, How::fin, connection_->phase(), site_->cause()});
  } else if (most != 0 && number_ >= most) {
    local(Cause::policy_request_limit);
  } else if (connection_->past_lifetime()) {
    end_lifetime();
  } else if (connection_->peer_finished() && !another_request_waits() &&
             body != BodyState::broken) {
    override_close({EndedBy::peer, How::fin, Phase::flush, Cause::ok_half_close_served});
  } else if (!head_.keep_alive || head.close || r_.out == Out::until_close) {
    local(Cause::ok_completed);
  }
}

/// The connection's budget is spent: it closes behind this response.
void Http1Exchange::end_lifetime() {
  override_close({EndedBy::local, How::timeout, connection_->phase(), Cause::timeout_lifetime});
  keep_close_evidence(connection_->timer_evidence(record::TimerKind::lifetime));
}

/// Answered before the request's body ended: the rest is discarded and the connection closes. Where
/// it was too large, that is why.
void Http1Exchange::note_early_reply() {
  const bool too_large = r_.verdict && r_.verdict->cause == Cause::policy_body_too_large;
  const Verdict verdict{EndedBy::local, How::reply, connection_->phase(),
                        too_large ? Cause::policy_body_too_large : Cause::policy_early_reply};
  if (!r_.verdict) r_.verdict = verdict;
  note_body_progress(evidence_);
  r_.has_evidence = true;
  want_close(verdict);
  keep_close_evidence(evidence_);
}

void Http1Exchange::keep_close_evidence(const record::Evidence& evidence) {
  close_evidence_ = evidence;
  close_.has_evidence = true;
}

bool Http1Exchange::writer_may_go_on() const {
  return outbox_.bytes() <= settings().limits.write_buffer_bytes / 2;
}

/// Writes the head where the outbox has room for it and for `more` bytes.
Http1Exchange::Room Http1Exchange::put_head(const ResponseHead& head, std::uint64_t length,
                                            std::size_t more) {
  const http::UsualHead& usual = worker_.usual_head(*site_);
  if (r_.out != Out::length || close_.wanted || head_.minor == 0 || !usual.fits(head)) [[unlikely]]
    return put_other_head(head, length, more);
  char* out = outbox_.reserve(http::UsualHead::kSizeBound + head.content_type.size() + more);
  const char* end = usual.encode(head.content_type, length, out);
  return {out, static_cast<std::size_t>(end - out)};
}

Http1Exchange::Room Http1Exchange::put_other_head(const ResponseHead& head, std::uint64_t length,
                                                  std::size_t more) {
  http::EncodeContext context;
  context.minor = head_.minor;
  context.head_request = r_.head_method;
  context.close = close_.wanted;
  context.chunked = r_.out == Out::chunked;
  context.has_length = r_.out == Out::length;
  context.length = length;
  if (!close_.wanted) {
    const std::uint32_t most = settings().limits.requests_per_connection;
    context.keep_alive = site_->keep_alive(most == 0 ? 0 : most - number_);
  }
  context.date = worker_.date();
  context.server = settings().server_header;
  char* out = outbox_.reserve(http::head_size_bound(head, context) + more);
  return {out, http::encode_head(head, context, out)};
}

/// Writes the head. `whole`: the body follows at once and is `length` bytes. False: refused.
bool Http1Exchange::begin_response(const ResponseHead& head, bool whole, std::uint64_t length,
                                   std::string_view body) {
  if (!http::valid(head)) return false;
  const bool no_body = http::is_bodiless(head.status);
  const bool has_length = whole || head.content_length != ResponseHead::kChunked;
  const std::uint64_t promised = whole ? length : head.content_length;
  r_.out = no_body            ? Out::no_body
           : has_length       ? Out::length
           : head_.minor == 0 ? Out::until_close
                              : Out::chunked;
  // Before what this answer means for a body that is still coming: its cause decided first.
  if (head.cause != Cause::unknown && head.status >= 400 && !r_.verdict) {
    r_.verdict = reply_for(head.cause, connection_->phase());
    if (head.evidence != nullptr) {
      evidence_ = *head.evidence;
      r_.has_evidence = true;
    }
  }
  decide_close(head, whole);
  if (!head.exception.empty()) exception_ = head.exception.substr(0, 256);

  const Room room = put_head(head, promised, body.size());
  if (r_.head_method) r_.out = Out::no_body;
  if (r_.out == Out::no_body) body = {};
  r_.response_begin = outbox_.queued();
  r_.response_left = (r_.out == Out::length ? promised : 0) - body.size();
  r_.status = static_cast<std::uint16_t>(head.status);
  http::put(room.begin + room.used, body);
  outbox_.commit(room.used + body.size());
  r_.response = Response::started;
  r_.times.response_owed = worker_.loop().now();
  flush_ = true;
  return true;
}

bool Http1Exchange::respond(const ResponseHead& head, std::string_view body) {
  if (gone() || r_.response != Response::none) {
    if (!gone()) misuse();
    let_go();
    return true;
  }
  const bool in_place = body.size() <= kInlineBody;
  if (!begin_response(head, true, body.size(), in_place ? body : std::string_view())) return false;
  if (!in_place && r_.out == Out::length) {
    outbox_.append(body);
    r_.response_left = 0;
  }
  finish_response();
  return true;
}

bool Http1Exchange::respond_owned(const ResponseHead& head, std::string&& body) {
  if (body.size() <= kInlineBody || gone() || r_.response != Response::none)
    return respond(head, body);
  if (!begin_response(head, true, body.size(), {})) return false;
  if (r_.out == Out::length) outbox_.append_owned(std::move(body));
  r_.response_left = 0;
  finish_response();
  return true;
}

bool Http1Exchange::respond_file(const ResponseHead& head, int file, std::uint64_t offset,
                                 std::uint64_t bytes) {
  Fd owned(file);
  if (gone() || r_.response != Response::none) return respond(head, {});
  if (!begin_response(head, true, bytes, {})) return false;
  if (r_.out == Out::length) outbox_.append_file(std::move(owned), offset, bytes);
  r_.response_left = 0;
  finish_response();
  return true;
}

bool Http1Exchange::start(const ResponseHead& head) {
  if (gone() || r_.response != Response::none) return true;
  if (!begin_response(head, false, 0, {})) return false;
  if (!in_handler_) schedule();
  return true;
}

WriteState Http1Exchange::write(std::string_view bytes) { return write_piece(bytes, nullptr); }

WriteState Http1Exchange::write_buffer(Buffer&& bytes) { return write_piece(bytes.view(), &bytes); }

/// `whole`: the buffer that they fill, to be taken over; nullptr: there is none.
WriteState Http1Exchange::write_piece(std::string_view bytes, Buffer* whole) {
  if (gone() || r_.response != Response::started) return write_tunnel(bytes);
  if (bytes.empty() || r_.out == Out::no_body) return WriteState::ready;
  flush_ = true;
  schedule();
  if (r_.out == Out::length && bytes.size() > r_.response_left) {
    outbox_.append(bytes.substr(0, static_cast<std::size_t>(r_.response_left)));
    r_.response_left = 0;
    r_.verdict = Verdict{EndedBy::local, How::fin, Phase::response, Cause::app_body_over};
    override_close(*r_.verdict);
    return WriteState::gone;
  }
  if (r_.out == Out::chunked) {
    char* out = outbox_.reserve(24);
    outbox_.commit(http::encode_chunk_size(bytes.size(), out));
  } else if (r_.out == Out::length) {
    r_.response_left -= bytes.size();
  }
  if (whole != nullptr) {
    outbox_.append_buffer(std::move(*whole));
  } else {
    outbox_.append(bytes);
  }
  if (r_.out == Out::chunked) outbox_.append("\r\n");
  r_.times.response_owed = worker_.loop().now();
  return outbox_.bytes() > settings().limits.write_buffer_bytes ? WriteState::wait
                                                                : WriteState::ready;
}

void Http1Exchange::on_write_ready(Callback callback) {
  write_ready_ = std::move(callback);
  if (gone() || writer_may_go_on()) schedule();
}

void Http1Exchange::finish(std::span<const Header> trailers) {
  if (to_release()) return;
  if (!gone() && r_.response == Response::none) return abort(Cause::app_no_reply, {});
  if (r_.stage == Stage::tunnel) {
    if (tunnel_) tunnel_->finish();
    return;
  }
  if (gone() || r_.response != Response::started) return let_go();
  if (r_.out == Out::length && r_.response_left > 0) {
    cut({EndedBy::local, How::fin, Phase::response, Cause::app_body_short});
    return let_go();
  }
  if (r_.out == Out::chunked) {
    if (!http::valid_trailers(trailers)) trailers = {};
    char* out = outbox_.reserve(http::last_chunk_size_bound(trailers));
    outbox_.commit(http::encode_last_chunk(trailers, out));
  }
  end_stream();
}

/// A streamed response is complete: does the connection still go on? The others asked with the
/// head.
void Http1Exchange::end_stream() {
  if (!close_.wanted && body_state() != BodyState::whole) note_early_reply();
  if (!close_.wanted && connection_->past_lifetime()) end_lifetime();
  finish_response();
}

/// The response is complete on our side: the handler lets go with it.
void Http1Exchange::finish_response() {
  r_.response = Response::finished;
  let_go();
}

void Http1Exchange::inform(int status, std::span<const Header> headers) {
  if (gone() || r_.response != Response::none || head_.minor == 0) return;
  if (status < 100 || status > 199 || status == 101 || !http::valid(headers)) return;
  // Nobody needs them, and who sends them cannot be told to wait.
  if (outbox_.bytes() > settings().limits.write_buffer_bytes) return;
  char* out = outbox_.reserve(http::interim_size_bound(headers));
  outbox_.commit(http::encode_interim(status, headers, out));
  flush_ = true;
  schedule();
}

// ---- Other ends of a response ----

void Http1Exchange::abort(Cause cause, std::string_view exception) {
  if (to_release()) return;
  exception_ = exception.substr(0, 256);
  if (r_.stage == Stage::tunnel) return abort_tunnel(cause);
  if (!gone() && departure_.cause == Cause::client_left_unproved && r_.response == Response::none) {
    // By setting the FIN cancelled the request: the 503 asks the client whether it is still there.
    const Verdict cancelled{EndedBy::local, How::reply, Phase::handling,
                            Cause::policy_half_close_cancelled};
    answer_error(503, cancelled, {});
    return let_go();
  }
  // Detached: the answer is out, or on its way, and its request described.
  if (gone() || r_.stage == Stage::detached) return let_go();
  if (record::info(cause).family == record::CauseFamily::client) return client_left(cause);
  const int status = http::status_of(cause);
  if (r_.response == Response::none && status != 0) {
    r_.verdict = reply_for(cause, connection_->phase());
    if (cause == Cause::timeout_handler) {
      evidence_ = connection_->timer_evidence(record::TimerKind::handler);
      r_.has_evidence = true;
    }
    respond(error_head(status), http::reason_phrase(status));
    return;
  }
  if (r_.response == Response::started) {
    cut_for(cause);
    return let_go();
  }
  // app.abort: a reset on purpose, behind what earlier requests are owed.
  if (body_open()) r_.body = Body::cut;  // no answer is owed to half a request
  r_.verdict = Verdict{EndedBy::local, How::rst, connection_->phase(), cause};
  override_close(*r_.verdict);
  close_.must_reset = true;
  let_go();
}

/// The client must see that something is missing: no last chunk, fewer bytes than promised.
void Http1Exchange::cut_for(Cause cause) {
  const How how = r_.out == Out::until_close ? How::rst : How::fin;
  const bool wait = record::info(cause).family == record::CauseFamily::timeout;
  Verdict close{EndedBy::local, how, Phase::response, cause};
  r_.verdict = close;
  if (wait) r_.verdict->how = How::timeout;
  if (http::of_other_leg(cause)) {
    close.cause = Cause::policy_other_leg;
    // Only where TLS shows that it is missing is such an end cut.
    if (cause == Cause::upstream_body_end_unproved) r_.verdict->severity = record::Severity::fault;
    close.severity = r_.verdict->severity.value_or(record::info(cause).severity);
  } else if (cause != Cause::app_abort) {
    close.cause = Cause::app_body_short;
  }
  cut(close);
}

/// The handler asked the kernel and learned of the client's reset before the loop did.
void Http1Exchange::client_left(Cause cause) {
  const bool responding = r_.response != Response::none;
  const bool half_closed = connection_->peer_finished();
  if (cause == Cause::client_left_waiting && responding && !fin_handling_)
    cause = Cause::client_left_receiving;
  const Phase at = cause == Cause::client_left_receiving  ? Phase::response
                   : connection_->phase() == Phase::queue ? Phase::queue
                                                          : Phase::handling;
  r_.verdict = Verdict{EndedBy::peer, half_closed ? How::fin : How::rst, at, cause};
  if (responding) r_.response = Response::broken;
  override_close(*r_.verdict);
  close_.must_reset = true;
  let_go();
}

/// A second answer to a request that has one: the first cannot be completed any more.
void Http1Exchange::misuse() {
  const bool by_reset = r_.response == Response::started && r_.out == Out::until_close;
  const How how = by_reset ? How::rst : How::fin;
  r_.verdict = Verdict{EndedBy::local, how, Phase::response, Cause::app_failed};
  if (r_.response == Response::started)
    cut({EndedBy::local, how, Phase::response, Cause::app_body_short});
}

void Http1Exchange::cut(const Verdict& verdict, const record::Evidence* evidence) {
  if (r_.stage == Stage::head && !answered_.empty()) {
    answered_.back().verdict = verdict;
    answered_.back().cut = true;
    if (evidence != nullptr) answered_.back().with_details().evidence = *evidence;
  } else {
    if (!r_.verdict) r_.verdict = verdict;
    r_.response = Response::broken;
    if (evidence != nullptr) evidence_ = *evidence;
    r_.has_evidence |= evidence != nullptr;
  }
  override_close(verdict);
  if (evidence != nullptr) keep_close_evidence(*evidence);
  close_.must_reset = r_.out == Out::until_close;
  flush_ = true;
  schedule();
}

/// The answer that is being sent need not be the last one. Of what lies behind it nothing was sent.
void Http1Exchange::cut_file(const Verdict& verdict, const record::Evidence* evidence) {
  const std::uint64_t sent = outbox_.sent();
  const auto at = std::ranges::find_if(
      answered_, [sent](const AnsweredRequest& answer) { return answer.end > sent; });
  if (at != answered_.end()) {
    at->end = sent;
    at->verdict = verdict;
    at->cut = true;
    if (evidence != nullptr) at->with_details().evidence = *evidence;
  }
  cut(verdict, evidence);
}

bool Http1Exchange::answer_error(int status, const Verdict& verdict,
                                 const record::Evidence& evidence) {
  if (r_.response != Response::none || connection_ == nullptr) return false;
  if (r_.stage == Stage::head) {
    open_entry();
    head_.minor = 1;
    r_.head_method = false;
  }
  evidence_ = evidence;
  r_.has_evidence = true;
  r_.waits_for_body = false;
  r_.verdict = verdict;
  // timeout.handler ends a request; its connection closes because that is simplest for both sides.
  override_close(verdict.cause == Cause::timeout_handler
                     ? Verdict{EndedBy::local, How::fin, Phase::flush, Cause::ok_completed}
                     : verdict);
  keep_close_evidence(evidence_);
  // A cause that holds only when everything arrives is still open.
  close_.decided = !overridable(close_.verdict.cause);
  close_.discard = true;
  const std::string_view text = http::reason_phrase(status);
  if (!begin_response(error_head(status), true, text.size(), text)) return false;
  r_.response = Response::finished;
  describe_behind();
  inbox_.hold_front();  // the record still points into it
  inbox_.drop_unread();
  r_.returned = 0;
  if (handler_running()) {
    r_.stage = Stage::detached;
    r_.body = Body::cut;  // what is missing of it decides nothing any more
    stop_handler(verdict);
  } else if (!to_release()) {
    r_.stage = Stage::head;
  }
  return true;
}

}  // namespace finack::server
