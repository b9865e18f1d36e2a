// The life of a dialed connection once it is connected, up to its ending: send, read.
// connection_dial.cpp has what comes before, connection_end.cpp what comes behind.
#include "client/connection.h"

#include <algorithm>
#include <cassert>

#include "client/connection_dialing.h"
#include "http/encoder.h"

namespace finack::client {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

namespace {

/// Request bytes that may wait for the server's window before the user is told to wait.
constexpr std::size_t kMostWaiting = 256 * 1024;
/// A chunk size in hexadecimal with its line end.
constexpr std::size_t kChunkSizeBound = 18;
/// How long a server that said `Connection: close` gets to close first.
constexpr Nanos kParting = std::chrono::seconds(1);

/// Whether a timer waits for bytes, or for the end, of a server whose stream is being read.
constexpr bool waits_for_server(TimerKind timer) {
  return timer == TimerKind::first_response_byte || timer == TimerKind::response_idle ||
         timer == TimerKind::linger;
}

}  // namespace

Connection::Connection(const Options& options)
    : loop_(*options.loop),
      ledger_(*options.ledger),
      server_(*options.server),
      owner_(*options.owner),
      timeouts_(*options.timeouts),
      limits_(*options.limits),
      resolver_(options.resolver),
      id_(options.id),
      purpose_(options.purpose),
      wall_offset_(options.wall_offset),
      outbox_(loop_.buffers()) {}

Connection::~Connection() = default;

void Connection::enter(Phase phase) {
  if (phase == phase_) return;
  ledger_.move(phase_, phase, record::Role::client);
  phase_ = phase;
  phase_since_ = loop_.now();
  recorder_.note_phase(phase, phase_since_);
}

void Connection::arm(TimerKind timer, Nanos setting) {
  timer_ = timer;
  setting_ = setting;
  if (setting == Nanos(0) || (paused_ && waits_for_server(timer))) return disarm();
  loop_.timers().arm(*this, loop_.now() + setting);
}

// ---- The request

void Connection::send(ConnectionUser& user, const http::OutgoingRequest& head, http::Method method,
                      std::string_view body, bool body_follows, const Timeouts& timeouts) {
  assert(user_ == nullptr && !over_ && phase_ == Phase::pool);
  user_ = &user;
  other_leg_ = user.client_leg();
  timeouts_ = timeouts;
  ++requests_;
  request_bytes_ = 0;
  maybe_sent_ = false;
  sent_at_ = loop_.now();
  idle_before_ = sent_at_ - phase_since_;
  interim_seen_ = false;
  chunked_ = head.framing == http::Framing::chunked;
  body_due_ = body_follows;
  parser_.begin(method, head.upgrade);
  char* out = outbox_.reserve(http::request_size_bound(head));
  outbox_.commit(http::encode_request(head, out));
  if (!body.empty()) put(body);
  if (!body_follows) put_end({});
  enter(Phase::send);
  flush();
  room_wanted_ = !send_failed_ && outbox_.bytes() > kMostWaiting;
}

bool Connection::write(std::string_view bytes) {
  if (over_ || send_failed_ || bytes.empty()) return true;
  put(bytes);
  flush();
  room_wanted_ = !send_failed_ && outbox_.bytes() > kMostWaiting;
  return !room_wanted_;
}

void Connection::put(std::string_view bytes) {
  const bool chunk = chunked_ && phase_ != Phase::tunnel;
  if (chunk) {
    char* out = outbox_.reserve(kChunkSizeBound);
    outbox_.commit(http::encode_chunk_size(bytes.size(), out));
  }
  outbox_.append(bytes);
  if (chunk) outbox_.append("\r\n");
}

void Connection::finish_body(std::span<const http::Header> trailers) {
  if (over_ || user_ == nullptr) return;
  if (send_failed_) {
    body_due_ = false;
    return;
  }
  put_end(trailers);
  flush();
}

void Connection::put_end(std::span<const http::Header> trailers) {
  body_due_ = false;
  if (!chunked_) return;
  chunked_ = false;
  char* out = outbox_.reserve(http::last_chunk_size_bound(trailers));
  outbox_.commit(http::encode_last_chunk(trailers, out));
}

void Connection::flush() {
  bool progress = false;
  while (!outbox_.empty() && !send_pending_ && !blocked_) {
    iovec parts[8];
    const std::size_t count = outbox_.gather(parts);
    offered_ = 0;
    for (std::size_t i = 0; i < count; ++i) offered_ += parts[i].iov_len;
    const SendResult result = stream_->send({parts, count}, false);
    if (result.kind == SendResult::Kind::pending || result.bytes > 0) maybe_sent_ = true;
    if (!took(result)) return;
    progress = progress || result.bytes > 0;
  }
  wait_for_room(progress);
}

/// False when no more can be sent.
bool Connection::took(const SendResult& result) {
  switch (result.kind) {
    case SendResult::Kind::pending:
      send_pending_ = true;
      return true;
    case SendResult::Kind::failed:
      // The kernel took nothing of it; under TLS it may have taken a part.
      if (tls_ == nullptr && request_bytes_ == 0) maybe_sent_ = false;
      // An answer may have come before the reset: it is read first.
      outbox_.drop();
      send_failed_ = true;
      room_wanted_ = false;
      if (end_.kind == EndKind::none || end_.kind == EndKind::fin) end_ = result.end;
      recorder_.note_end(result.end.kind, loop_.now());
      loop_.defer(later_);
      return false;
    case SendResult::Kind::sent:
      break;
  }
  if (result.bytes > 0) recorder_.note_bytes_out(result.bytes);
  bytes_out_ += result.bytes;
  request_bytes_ += result.bytes;
  outbox_.sent(result.bytes);
  blocked_ = result.bytes < offered_;
  return true;
}

/// Whether, and for what, sending waits now.
void Connection::wait_for_room(bool progress) {
  const bool waiting = !outbox_.empty() || send_pending_;
  if (phase_ == Phase::tunnel) {
    if (progress) arm(TimerKind::tunnel_idle, timeouts_.tunnel_idle);
    if (!waiting && own_fin_wanted_) send_own_fin();
    return;
  }
  if (phase_ != Phase::send) return;
  if (!waiting && !body_due_) return request_sent();
  if (!waiting) return disarm();  // The user's turn.
  if (progress || !armed() || timer_ != TimerKind::send) arm(TimerKind::send, timeouts_.send);
}

void Connection::request_sent() {
  enter(Phase::wait);
  arm(TimerKind::first_response_byte, timeouts_.first_response_byte);
}

void Connection::on_sent(SendResult result) {
  send_pending_ = false;
  if (over_ || !took(result)) return;
  wait_for_room(result.bytes > 0);
  if (!blocked_) on_writable();
}

void Connection::on_writable() {
  blocked_ = false;
  if (over_) return;
  flush();
  if (over_ || !room_wanted_ || outbox_.bytes() > kMostWaiting / 2) return;
  room_wanted_ = false;
  if (user_ != nullptr) user_->on_write_ready();
}

void Connection::finish_tunnel() {
  if (over_ || own_fin_wanted_) return;
  own_fin_wanted_ = true;
  if (outbox_.empty() && !send_pending_ && !send_failed_) send_own_fin();
}

void Connection::send_own_fin() {
  if (own_fin_sent_) return;
  own_fin_sent_ = true;
  stream_->shutdown_write();
  if (tunnel_fin_) loop_.defer(later_);
}

// ---- The response

void Connection::on_bytes(Buffer chunk) {
  if (over_) return;
  bytes_in_ += chunk.size();
  recorder_.note_bytes_in(chunk.size());
  inbox_.append(std::move(chunk));
  if (paused_) return;
  read();
  if (end_.kind != EndKind::none) loop_.defer(later_);
}

void Connection::pause_reading() {
  if (over_ || paused_) return;
  paused_ = true;
  stream_->pause_reading();
  if (waits_for_server(timer_)) disarm();
}

void Connection::resume_reading() {
  if (over_ || !paused_) return;
  paused_ = false;
  stream_->resume_reading();
  if (phase_ == Phase::wait) arm(TimerKind::first_response_byte, timeouts_.first_response_byte);
  if (phase_ == Phase::head || phase_ == Phase::body)
    arm(TimerKind::response_idle, timeouts_.response_idle);
  loop_.defer(later_);
}

/// Bytes that waited while reading was paused, and an end that may have more before it.
void Connection::catch_up() {
  if (over_ || paused_) return;
  if (tunnel_fin_ && own_fin_sent_) {
    const EndedBy by = server_finished_first_ ? EndedBy::peer : EndedBy::local;
    return end({by, How::fin, Phase::tunnel, Cause::ok_tunnel_done}, {});
  }
  read();
  look_for_end();
}

void Connection::read() {
  while (!over_ && !paused_ && handle(parser_.step(inbox_.front(), limits_, head_))) {
  }
}

/// What one step of the parser yielded; false when nothing follows for now.
bool Connection::handle(const http::ResponseParser::Step& step) {
  using Kind = http::ResponseParser::Step::Kind;
  switch (step.kind) {
    case Kind::need_more:
      return wait_for_more(step.consumed);
    case Kind::interim:
      return deliver_interim(step.consumed);
    case Kind::head:
      return deliver_head(step.consumed);
    case Kind::data:
      arm(TimerKind::response_idle, timeouts_.response_idle);
      return deliver_piece(step);
    case Kind::end:
      std::exchange(user_, nullptr)->on_body({}, Progress::complete, parser_.trailers());
      inbox_.consume(step.consumed);
      response_done();
      return false;
    case Kind::tunnel:
      return deliver_tunnel();
    case Kind::extra:
      end({EndedBy::local, How::rst, phase_, Cause::upstream_extra_data}, {});
      return false;
    case Kind::rejected:
      refuse();
      return false;
  }
  return false;
}

/// The user is through with the front of the inbox; it may have ended the connection.
bool Connection::done_with(std::size_t bytes) {
  if (over_) return false;
  if (bytes > 0) inbox_.consume(bytes);
  return true;
}

bool Connection::wait_for_more(std::size_t consumed) {
  inbox_.consume(consumed);
  if (parser_.in_head() && (phase_ == Phase::wait || phase_ == Phase::send)) {
    enter(Phase::head);
    arm(TimerKind::response_idle, timeouts_.response_idle);
  }
  const std::size_t before = inbox_.front().size();
  inbox_.join();  // A head, or a chunk's size, in two pieces.
  return inbox_.front().size() > before || (consumed > 0 && before > 0);
}

bool Connection::deliver_interim(std::size_t consumed) {
  interim_seen_ = true;
  if (phase_ == Phase::head) enter(request_due() ? Phase::send : Phase::wait);
  if (phase_ == Phase::wait) {
    arm(TimerKind::first_response_byte, timeouts_.first_response_byte);
  } else {
    wait_for_room(true);
  }
  user_->on_interim(head_);
  return done_with(consumed);
}

/// Hands over the final head, and what of the body came along: a small response is one call.
bool Connection::deliver_head(std::size_t consumed) {
  using Kind = http::ResponseParser::Step::Kind;
  enter(Phase::body);
  if (head_.keep_alive_offer.timeout)
    server_.keep_alive.advertised(*head_.keep_alive_offer.timeout);
  const std::string_view bytes = inbox_.front();
  std::string_view body;
  auto behind = parser_.step(bytes.substr(consumed), limits_, head_);
  if (behind.kind == Kind::data) {
    body = behind.data;
    consumed += behind.consumed;
    behind = parser_.step(bytes.substr(consumed), limits_, head_);
  }
  if (behind.kind == Kind::end && parser_.trailers().empty()) {
    std::exchange(user_, nullptr)->on_response(head_, body, Progress::complete);
    inbox_.consume(consumed + behind.consumed);
    response_done();
    return false;
  }
  if (head_.framing == http::ResponseFraming::tunnel) {
    enter(Phase::tunnel);
    arm(TimerKind::tunnel_idle, timeouts_.tunnel_idle);
  } else {
    arm(TimerKind::response_idle, timeouts_.response_idle);
  }
  user_->on_response(head_, body, Progress::more);
  return done_with(consumed) && handle(behind);
}

bool Connection::deliver_piece(const http::ResponseParser::Step& step) {
  piece_ = step.data.size();
  user_->on_body(step.data, Progress::more, {});
  const bool taken = std::exchange(piece_, 0) == 0 && !step.data.empty();
  return done_with(taken ? 0 : step.consumed);
}

Buffer Connection::take_piece() {
  if (piece_ == 0 || piece_ != inbox_.front().size()) return {};
  Buffer taken = inbox_.take_front();
  if (taken) piece_ = 0;
  return taken;
}

bool Connection::deliver_tunnel() {
  if (inbox_.empty()) return false;
  arm(TimerKind::tunnel_idle, timeouts_.tunnel_idle);
  const std::string_view bytes = inbox_.front();
  user_->on_tunnel_bytes(bytes);
  return done_with(bytes.size());
}

/// The whole response was handed over: the connection is free, or it parts.
void Connection::response_done() {
  if (over_) return;  // The user ended it.
  disarm();
  if (paused_) {
    paused_ = false;
    stream_->resume_reading();
  }
  if (request_due())
    return end({EndedBy::local, How::fin, Phase::send, Cause::upstream_early_reply}, {});
  if (!inbox_.empty())
    return end({EndedBy::local, How::rst, Phase::body, Cause::upstream_extra_data}, {});
  if (head_.keep_alive) {
    enter(Phase::pool);
    outbox_.shed();
    // The server may have closed meanwhile without a word: later_ tells then.
    if (end_.kind == EndKind::none) owner_.on_free(*this);
    return;
  }
  // The server said that it closes: whoever sends the first FIN keeps the port in TIME_WAIT.
  parting_ = true;
  arm(TimerKind::linger, kParting);
  if (end_.kind != EndKind::none) loop_.defer(later_);
}

void Connection::refuse() {
  record::Evidence evidence;
  evidence.reason = http::name(parser_.reject()).data();
  const Phase at = phase_ == Phase::body ? Phase::body : Phase::head;
  end({EndedBy::local, How::rst, at, http::cause(parser_.reject())}, evidence);
}

}  // namespace finack::client
