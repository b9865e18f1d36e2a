// The life of a dialed connection up to its ending: dial, send, read. connection_end.cpp has the
// rest.
#include "client/connection.h"

#include <algorithm>

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

Verdict dial_verdict(net::DialError error) {
  constexpr Phase at = Phase::connect;
  switch (error) {
    case net::DialError::refused:
      return {EndedBy::peer, How::refused, at, Cause::upstream_refused};
    case net::DialError::reset:
      return {EndedBy::peer, How::rst, at, Cause::upstream_connect_reset};
    case net::DialError::timed_out:
      return {EndedBy::local, How::timeout, at, Cause::timeout_connect};
    case net::DialError::no_ports:
      return {EndedBy::local, How::none, at, Cause::resource_ports};
    case net::DialError::descriptors:
      return {EndedBy::local, How::rst, at, Cause::resource_descriptors};
    case net::DialError::memory:
      return {EndedBy::local, How::rst, at, Cause::resource_memory};
    default:
      return {EndedBy::network, How::unreachable, at, Cause::upstream_unreachable};
  }
}

/// Smoothed as TCP does it (RFC 6298): one eighth of each new value.
void smooth(std::atomic<Nanos::rep>& rtt, Nanos value) {
  const Nanos::rep old = rtt.load(std::memory_order_relaxed);
  rtt.store(old == 0 ? value.count() : old + (value.count() - old) / 8, std::memory_order_relaxed);
}

}  // namespace

Connection::Connection(const Options& options)
    : loop_(*options.loop),
      ledger_(*options.ledger),
      server_(*options.server),
      owner_(*options.owner),
      timeouts_(*options.timeouts),
      limits_(*options.limits),
      id_(options.id),
      purpose_(options.purpose),
      wall_offset_(options.wall_offset),
      dial_(loop_, *this),
      outbox_(loop_.buffers()) {}

void Connection::dial() {
  opened_ = phase_since_ = loop_.now();
  entry_ = ledger_.open_connection(record::Role::client, Phase::connect);
  recorder_.note_phase(Phase::connect, opened_);
  server_.connections_live.fetch_add(1, std::memory_order_relaxed);
  timer_ = TimerKind::connect;
  setting_ = timeouts_.connect;
  dial_.start(server_.target, {.timeout = timeouts_.connect});
}

void Connection::on_dialed(net::DialResult result) {
  if (!result) {
    const bool ours = result.error == net::DialError::timed_out && result.code == 0;
    record::Evidence evidence = ours ? timer_evidence() : record::Evidence{};
    evidence.error = result.code;
    if (ours) ledger_.counters().timer_fired(TimerKind::connect);
    return end(dial_verdict(result.error), evidence);
  }
  connect_time_ = result.took;
  smooth(server_.rtt, result.took);
  stream_.emplace(loop_, std::move(result.fd));
  stream_->start(*this);
  enter(Phase::pool);
  owner_.on_connected(*this);
}

void Connection::enter(Phase phase) {
  if (phase == phase_) return;
  ledger_.move(phase_, phase);
  phase_ = phase;
  phase_since_ = loop_.now();
  recorder_.note_phase(phase, phase_since_);
}

void Connection::arm(TimerKind timer, Nanos setting) {
  timer_ = timer;
  setting_ = setting;
  if (setting == Nanos(0)) return loop_.timers().disarm(*this);
  loop_.timers().arm(*this, loop_.now() + setting);
}

// ---- The request

void Connection::send(ConnectionUser& user, const http::OutgoingRequest& head, http::Method method,
                      std::string_view body, bool body_follows) {
  user_ = &user;
  ++requests_;
  request_bytes_ = 0;
  sent_at_ = loop_.now();
  interim_seen_ = false;
  body_due_ = body_follows;
  chunked_ = head.framing == http::Framing::chunked;
  parser_.begin(method, !head.upgrade.empty());
  char* out = outbox_.reserve(http::request_size_bound(head));
  outbox_.commit(http::encode_request(head, out));
  enter(Phase::send);
  if (body.empty()) return flush();
  write(body);
}

bool Connection::write(std::string_view bytes) {
  if (over_ || bytes.empty()) return true;
  if (chunked_) {
    char* out = outbox_.reserve(kChunkSizeBound);
    outbox_.commit(http::encode_chunk_size(bytes.size(), out));
  }
  outbox_.append(bytes);
  if (chunked_) outbox_.append("\r\n");
  flush();
  room_wanted_ = !over_ && outbox_.bytes() > kMostWaiting;
  return !room_wanted_;
}

void Connection::finish_body(std::span<const http::Header> trailers) {
  if (over_ || user_ == nullptr) return;
  body_due_ = false;
  if (chunked_) {
    char* out = outbox_.reserve(http::last_chunk_size_bound(trailers));
    outbox_.commit(http::encode_last_chunk(trailers, out));
  }
  flush();
}

void Connection::flush() {
  while (!outbox_.empty() && !send_pending_ && !blocked_) {
    iovec parts[8];
    const std::size_t count = outbox_.gather(parts);
    if (!took(stream_->send({parts, count}, false))) return;
  }
  if (outbox_.empty() && !body_due_ && phase_ == Phase::send) return request_sent();
  if (phase_ == Phase::send && !outbox_.empty()) arm(TimerKind::send, timeouts_.send);
}

/// False when the stream is over.
bool Connection::took(const SendResult& result) {
  switch (result.kind) {
    case SendResult::Kind::pending:
      send_pending_ = true;
      return true;
    case SendResult::Kind::failed:
      // An answer may have come before the reset: it is read first.
      outbox_.drop();
      end_ = result.end;
      loop_.defer(later_);
      return false;
    case SendResult::Kind::sent:
      break;
  }
  recorder_.note_bytes_out(result.bytes);
  bytes_out_ += result.bytes;
  request_bytes_ += result.bytes;
  outbox_.sent(result.bytes);
  blocked_ = !outbox_.empty() && !send_pending_;
  return true;
}

void Connection::request_sent() {
  enter(Phase::wait);
  arm(TimerKind::first_response_byte, timeouts_.first_response_byte);
}

void Connection::on_sent(SendResult result) {
  send_pending_ = false;
  if (over_ || !took(result)) return;
  on_writable();
}

void Connection::on_writable() {
  blocked_ = false;
  if (over_) return;
  flush();
  if (over_ || !room_wanted_ || outbox_.bytes() > kMostWaiting / 2) return;
  room_wanted_ = false;
  if (user_ != nullptr) user_->on_write_ready();
}

// ---- The response

void Connection::on_bytes(Buffer chunk) {
  if (over_) return;
  bytes_in_ += chunk.size();
  recorder_.note_bytes_in(chunk.size());
  inbox_.append(std::move(chunk));
  if (paused_) return;
  read();
  look_for_end();
}

void Connection::pause_reading() {
  paused_ = true;
  if (!over_) stream_->pause_reading();
}

void Connection::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  if (over_) return;
  stream_->resume_reading();
  loop_.defer(later_);
}

/// Bytes that waited while reading was paused, and an end that a send found.
void Connection::catch_up() {
  if (over_ || paused_) return;
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
      interim_seen_ = true;
      if (phase_ == Phase::head) enter(Phase::wait);
      if (phase_ == Phase::wait) arm(TimerKind::first_response_byte, timeouts_.first_response_byte);
      user_->on_interim(head_);
      return done_with(step.consumed);
    case Kind::head:
      return deliver_head(step.consumed);
    case Kind::data:
      arm(TimerKind::response_idle, timeouts_.response_idle);
      user_->on_body(step.data, Progress::more, {});
      return done_with(step.consumed);
    case Kind::end: {
      std::exchange(user_, nullptr)->on_body({}, Progress::complete, parser_.trailers());
      inbox_.consume(step.consumed);
      response_done();
      return false;
    }
    case Kind::tunnel: {
      enter(Phase::tunnel);
      if (inbox_.empty()) return false;
      const std::string_view bytes = inbox_.front();
      user_->on_tunnel_bytes(bytes);
      return done_with(bytes.size());
    }
    case Kind::extra:
      end({EndedBy::local, How::rst, Phase::pool, Cause::upstream_extra_data}, {});
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
  inbox_.consume(bytes);
  return true;
}

bool Connection::wait_for_more(std::size_t consumed) {
  inbox_.consume(consumed);
  if (!parser_.in_head()) return consumed > 0 && !inbox_.empty();
  if (phase_ == Phase::wait) enter(Phase::head);
  const std::size_t before = inbox_.front().size();
  inbox_.join();
  return inbox_.front().size() > before;
}

/// Hands over the final head, and what of the body came along: a small response is one call.
bool Connection::deliver_head(std::size_t consumed) {
  using Kind = http::ResponseParser::Step::Kind;
  enter(Phase::body);
  note_offer();
  const std::string_view bytes = inbox_.front();
  std::string_view body;
  auto next = parser_.step(bytes.substr(consumed), limits_, head_);
  if (next.kind == Kind::data) {
    body = next.data;
    consumed += next.consumed;
    next = parser_.step(bytes.substr(consumed), limits_, head_);
  }
  if (next.kind == Kind::end) {
    std::exchange(user_, nullptr)->on_response(head_, body, Progress::complete);
    inbox_.consume(consumed + next.consumed);
    response_done();
    return false;
  }
  arm(TimerKind::response_idle, timeouts_.response_idle);
  user_->on_response(head_, body, Progress::more);
  return done_with(consumed) && handle(next);
}

void Connection::note_offer() {
  const auto& timeout = head_.keep_alive_offer.timeout;
  if (timeout) server_.keep_alive.advertised(*timeout);
}

/// The whole response was handed over: the connection is free, or it parts.
void Connection::response_done() {
  if (request_due())
    return end({EndedBy::local, How::fin, Phase::send, Cause::upstream_early_reply}, {});
  if (!inbox_.empty())
    return end({EndedBy::local, How::rst, Phase::body, Cause::upstream_extra_data}, {});
  if (head_.keep_alive && end_.kind == EndKind::none) {
    loop_.timers().disarm(*this);
    enter(Phase::pool);
    return owner_.on_free(*this);
  }
  // The server said that it closes: whoever sends the first FIN keeps the port in TIME_WAIT.
  parting_ = true;
  arm(TimerKind::linger, kParting);
}

void Connection::refuse() {
  record::Evidence evidence;
  evidence.reason = http::name(parser_.reject()).data();
  const Phase at = phase_ == Phase::body ? Phase::body : Phase::head;
  end({EndedBy::local, How::rst, at, http::cause(parser_.reject())}, evidence);
}

}  // namespace finack::client
