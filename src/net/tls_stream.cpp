#include "net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "finack/base/address.h"
#include "net/tls_callbacks.h"

namespace finack::net {

namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
/// What a record adds at most: header, type, tag, explicit nonce.
constexpr std::size_t kRecordExtra = 64;
/// How soon a stream without a buffer asks again.
constexpr Nanos kStall = std::chrono::milliseconds(5);

/// What may wait to be sent that nobody here asked for: far more than any honest peer makes us owe,
/// on top of one send of ours.
constexpr std::size_t kMostOwed = 256 * 1024;

/// At most a record of `parts` from byte `from` on: in place where it lies in one piece, else
/// gathered in `block`, so that a head and its small body make one record.
std::string_view gather(std::span<const iovec> parts, std::size_t from, std::span<char> block) {
  std::size_t filled = 0;
  for (const iovec& part : parts) {
    if (from >= part.iov_len) {
      from -= part.iov_len;
      continue;
    }
    const auto* data = static_cast<const char*>(part.iov_base) + std::exchange(from, 0);
    const auto* end = static_cast<const char*>(part.iov_base) + part.iov_len;
    const auto size = static_cast<std::size_t>(end - data);
    if (filled == 0 && (size >= block.size() || &part == &parts.back())) {
      return {data, std::min(size, block.size())};
    }
    const std::size_t taken = std::min(size, block.size() - filled);
    std::memcpy(block.data() + filled, data, taken);
    filled += taken;
    if (filled == block.size()) break;
  }
  return {block.data(), filled};
}

}  // namespace

TlsStream::TlsStream(Loop& loop, ByteStream& below, std::shared_ptr<TlsContext> context,
                     const TlsPeer& peer, TlsObserver& observer)
    : loop_(loop), below_(below), context_(std::move(context)), tls_observer_(observer) {
  set_up(peer);
}

TlsStream::~TlsStream() {
  // Else OpenSSL takes a session whose stream ended without close_notify for a broken one.
  const bool sound = failure_ == TlsFailure::none || failure_ == TlsFailure::transport;
  if (ssl_ && sound) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void TlsStream::set_up(const TlsPeer& peer) {
  ssl_.reset(SSL_new(context_->native()));
  BIO* bio = ssl_ ? TlsCallbacks::make_bio(*this) : nullptr;
  if (bio == nullptr) return fail(TlsFailure::local, {}, "out of memory");
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  if (context_->is_client()) {
    SSL_set_connect_state(ssl_.get());
    set_peer(peer);
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

void TlsStream::set_peer(const TlsPeer& peer) {
  SSL* ssl = ssl_.get();
  std::string host = peer.name;
  if (!host.empty() && host.back() == '.') host.pop_back();  // RFC 6066 section 3
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  session_key_ = host + '\n' + peer.server;
  bool ok = true;
  if (parse_host(host)) {
    ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else if (!host.empty()) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ok = SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && SSL_set1_host(ssl, host.c_str()) == 1;
  } else if (context_->verifies()) {
    return fail(TlsFailure::local, {}, "no name to check the peer's certificate against");
  }
  if (!ok) return fail(TlsFailure::local, {}, "the peer's name cannot be used");
  if (!context_->session_reuse()) return;
  if (const SslSessionPtr session = context_->sessions().take(session_key_)) {
    SSL_set_session(ssl, session.get());
  }
}

void TlsStream::start(StreamObserver& observer) {
  assert(observer_ == nullptr);
  observer_ = &observer;
  started_ = loop_.precise_now();
  below_.start(*this);
  loop_.defer(*this);
}

/// Everything that must not happen inside a call of the owner's.
void TlsStream::run_deferred() {
  if (closing_) return;
  if (stalled_ && !paused_) stalled_ = false;
  advance();
  if (closing_) return;
  if (established_ && !paused_ && !stalled_) below_.resume_reading();
  look_behind_end();
  tell();
  if (closing_ || !write_blocked_ || !established_ || send_pending_ || unflushed()) return;
  if (below_failed_ && failure_ == TlsFailure::none) return;
  write_blocked_ = false;
  observer_->on_writable();
}

void TlsStream::advance() {
  if (!established_ && failure_ == TlsFailure::none) shake_hands();
  if (established_) decode();
  if (!closing_) flush();
}

// ---- The peer's direction
// --------------------------------------------------------------------------------

void TlsStream::on_bytes(Buffer chunk) {
  const bool over = peer_done_ || (failure_ != TlsFailure::none &&
                                   (failure_ != TlsFailure::transport || !established_));
  if (closing_ || over) return;
  assert(in_.empty());
  in_ = std::move(chunk);
  advance();
  if (in_.empty()) in_.release();
  if (closing_) return;
  if (below_fin_ || below_failed_) loop_.defer(*this);
  tell();
}

void TlsStream::on_end(StreamEnd end) {
  if (closing_) return;
  if (end.kind != EndKind::fin) {
    fail(TlsFailure::transport, end, "the connection below ended");
  } else if (!established_) {
    fail(TlsFailure::closed, {}, "the connection was closed inside the handshake");
  } else if (!peer_done_) {
    below_fin_ = true;
    // Whether close_notify stands before this FIN is seen when all bytes are read.
    if (paused_) report({EndKind::fin, 0});
    look_behind_end();
  }
  if (!closing_) tell();
}

void TlsStream::decode() {
  while (decode_once()) {
  }
  // It asks for new keys again and again, and takes none of them.
  if (owed() > kMostOwed)
    fail(TlsFailure::protocol, {}, "the peer asks for more answers than it reads");
  if (in_.empty()) in_.release();
}

bool TlsStream::decode_once() {
  const bool readable = failure_ == TlsFailure::none || failure_ == TlsFailure::transport;
  if (paused_ || closing_ || peer_done_ || !readable) return false;
  if (in_.empty() && SSL_has_pending(ssl_.get()) == 0) return false;
  Buffer plain = loop_.buffers().take();
  if (!plain) {
    stall();
    return false;
  }
  const std::span<char> space = plain.space();
  std::size_t size = 0;
  ERR_clear_error();
  TlsVerdict said = verdict(SSL_read_ex(ssl_.get(), space.data(), space.size(), &size));
  switch (said.step) {
    case TlsStep::done:
      plain.grow(size);
      observer_->on_bytes(std::move(plain));
      return true;
    case TlsStep::wants_bytes:
      return false;
    case TlsStep::close_notify:
      peer_done_ = true;
      report({EndKind::fin, 0});
      return false;
    case TlsStep::failed:
      fail(said.failure, {}, std::move(said.reason));
      return false;
  }
  return false;
}

/// Out of buffers: the bytes wait where they are until others give theirs back.
void TlsStream::stall() {
  stalled_ = true;
  below_.pause_reading();
  loop_.timers().arm(*this, loop_.now() + kStall);
}

/// A FIN, or a failed send, leaves it open what unread bytes before it say.
void TlsStream::look_behind_end() {
  // Whoever pauses would never hear of it.
  if (below_failed_ && established_ && paused_) {
    return fail(TlsFailure::transport, fatal_end_, "the connection below ended");
  }
  if (paused_ || stalled_ || !in_.empty() || below_.readable()) return;
  if (below_failed_) fail(TlsFailure::transport, fatal_end_, "the connection below ended");
  if (failure_ != TlsFailure::none) return;
  if (below_fin_ && established_ && !peer_done_) report({EndKind::truncated, 0});
}

void TlsStream::pause_reading() {
  paused_ = true;
  if (established_) below_.pause_reading();
  if (below_failed_) loop_.defer(*this);
}

void TlsStream::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  loop_.defer(*this);
}

bool TlsStream::readable() const {
  if (!in_.empty() || below_.readable()) return true;
  return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0;
}

// ---- The handshake
// ---------------------------------------------------------------------------------------

TlsVerdict TlsStream::verdict(int result) {
  if (result == 1) return {.step = TlsStep::done};
  return judge({.ssl_error = SSL_get_error(ssl_.get(), result),
                .code = ERR_peek_last_error(),
                .verify_result = SSL_get_verify_result(ssl_.get()),
                .alert_received = alert_received_});
}

void TlsStream::shake_hands() {
  ERR_clear_error();
  TlsVerdict said = verdict(SSL_do_handshake(ssl_.get()));
  flush();
  switch (said.step) {
    case TlsStep::wants_bytes:
      return;
    case TlsStep::done:
      // Where the last flight could not be sent, tell() has the failure instead.
      if (failure_ != TlsFailure::none) return;
      if (below_failed_) return look_for_alert();
      established_ = true;
      return tell_handshake();
    case TlsStep::close_notify:
      return fail(TlsFailure::closed, {}, "the peer closed inside the handshake");
    case TlsStep::failed:
      if (below_failed_) below_failed_ = false;
      return fail(said.failure, {}, std::move(said.reason));
  }
}

/// Our last flight could not be sent: of what the peer said before, only its alert is of use.
void TlsStream::look_for_alert() {
  char unused[1024];
  std::size_t size = 0;
  TlsVerdict said;
  do {
    ERR_clear_error();
    said = verdict(SSL_read_ex(ssl_.get(), unused, sizeof unused, &size));
  } while (said.step == TlsStep::done);
  // What cannot be decoded now never will be: look_behind_end() waits for no more of it.
  in_.release();
  if (said.failure != TlsFailure::alert) return;
  below_failed_ = false;
  fail(said.failure, {}, std::move(said.reason));
}

void TlsStream::tell_handshake() {
  handshake_told_ = true;
  TlsHandshake handshake{.failure = failure_,
                         .end = fatal_end_,
                         .reason = reason_,
                         .alert_received = alert_received_,
                         .alert_sent = alert_sent_,
                         .took = loop_.precise_now() - started_};
  if (failure_ == TlsFailure::untrusted) {
    handshake.verify_result = SSL_get_verify_result(ssl_.get());
  }
  if (established_) {
    const SSL* ssl = ssl_.get();
    handshake.version = SSL_get_version(ssl);
    handshake.cipher = SSL_get_cipher_name(ssl);
    handshake.resumed = SSL_session_reused(ssl) == 1;
    const unsigned char* alpn = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &alpn, &size);
    handshake.alpn.assign(reinterpret_cast<const char*>(alpn), size);
    if (paused_) below_.pause_reading();
  } else if (context_->is_client()) {
    context_->sessions().forget(session_key_);  // another try starts afresh
  }
  tls_observer_.on_handshake(handshake);
  if (!closing_ && write_blocked_) loop_.defer(*this);
}

// ---- Failures
// --------------------------------------------------------------------------------------------

void TlsStream::fail(TlsFailure failure, StreamEnd end, std::string reason) {
  if (failure_ != TlsFailure::none) return;
  failure_ = failure;
  fatal_end_ = stream_end(failure, alert_received_, end);
  reason_ = std::move(reason);
}

void TlsStream::tell() {
  if (failure_ == TlsFailure::none || failure_told_ || closing_) return;
  flush();  // our alert
  failure_told_ = true;
  if (!handshake_told_) return tell_handshake();
  if (std::exchange(send_pending_, false)) {
    worse_told_ = true;
    return observer_->on_sent({SendResult::Kind::failed, 0, fatal_end_});
  }
  report(fatal_end_);
}

void TlsStream::report(StreamEnd end) {
  if (closing_ || worse_told_) return;
  if (end.kind == EndKind::fin) {
    if (std::exchange(fin_told_, true)) return;
  } else {
    worse_told_ = true;
  }
  observer_->on_end(end);
}

// ---- Our direction
// ---------------------------------------------------------------------------------------

SendResult TlsStream::send(std::span<const iovec> parts, bool more) {
  assert(!parts.empty() && !send_pending_ && !fin_wanted_ && !closing_);
  std::size_t offered = 0;
  for (const iovec& part : parts) offered += part.iov_len;
  std::size_t taken = 0;
  while (failure_ == TlsFailure::none && taken < offered) {
    const bool room = established_ && !unflushed() && !below_failed_;
    const std::size_t n = room ? encrypt(parts, taken) : 0;
    if (n == 0) {
      write_blocked_ = true;
      break;
    }
    taken += n;
    flush(more || taken < offered);
    if (!unflushed() && !below_failed_) continue;
    send_pending_ = true;
    send_taken_ = taken;
    send_offered_ = offered;
    return {SendResult::Kind::pending, 0, {}};
  }
  if (failure_ == TlsFailure::none) return {SendResult::Kind::sent, taken, {}};
  failure_told_ = worse_told_ = true;
  return {SendResult::Kind::failed, 0, fatal_end_};
}

std::size_t TlsStream::encrypt(std::span<const iovec> parts, std::size_t from) {
  char block[kRecord];
  std::size_t taken = 0;
  while (taken < kMaxPlain) {
    const std::string_view plain = gather(parts, from + taken, block);
    if (plain.empty()) break;
    next_out_.reserve(next_out_.size() + plain.size() + kRecordExtra);
    std::size_t size = 0;
    ERR_clear_error();
    TlsVerdict said = verdict(SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &size));
    if (said.step == TlsStep::failed) fail(said.failure, {}, std::move(said.reason));
    if (said.step != TlsStep::done) break;
    taken += size;
  }
  return taken;
}

SendResult TlsStream::send_file(int file, std::uint64_t offset, std::size_t bytes) {
  if (failure_ == TlsFailure::none && (!established_ || unflushed() || below_failed_)) {
    write_blocked_ = true;
    return {};
  }
  char block[kFileBlock];
  const ssize_t n = ::pread(file, block, std::min(bytes, sizeof block), static_cast<off_t>(offset));
  if (n <= 0) return {SendResult::Kind::sent, 0, {EndKind::error, n == 0 ? ENODATA : errno}};
  const iovec part{block, static_cast<std::size_t>(n)};
  const SendResult result = send({&part, 1}, part.iov_len < bytes);
  // Short of what was asked for: on_writable is owed.
  if (part.iov_len == bytes) return result;
  if (result.kind == SendResult::Kind::pending) send_offered_ = bytes;
  if (result.kind == SendResult::Kind::sent) {
    write_blocked_ = true;
    loop_.defer(*this);
  }
  return result;
}

void TlsStream::flush(bool more) {
  if (fin_sent_ || below_failed_ || failure_ == TlsFailure::transport) return next_out_.clear();
  while (!below_busy_ && !below_full_ && unflushed()) {
    if (out_.empty()) {
      out_ = std::exchange(next_out_, {});
      out_done_ = 0;
    }
    const iovec part{out_.data() + out_done_, out_.size() - out_done_};
    const SendResult result = below_.send({&part, 1}, more);
    if (result.kind == SendResult::Kind::pending) {
      below_busy_ = true;
      return;
    }
    below_sent(result);
    if (result.kind == SendResult::Kind::failed) return;
  }
  if (!unflushed()) flushed();
}

/// The outcome of a send of the stream below.
void TlsStream::below_sent(SendResult result) {
  if (result.kind == SendResult::Kind::failed) {
    out_ = {};
    next_out_ = {};
    if (failure_ != TlsFailure::none) return;  // our alert, behind what ended the stream
    // Unread bytes may hold the peer's alert; what came with this turn shows when it is over.
    below_failed_ = true;
    fatal_end_ = result.end;
    loop_.defer(*this);
    return;
  }
  out_done_ += result.bytes;
  if (out_done_ < out_.size()) {
    below_full_ = true;
  } else {
    out_ = {};
  }
}

/// The stream below has taken all there is.
void TlsStream::flushed() {
  if (fin_wanted_ && !fin_sent_) {
    fin_sent_ = true;
    below_.shutdown_write();
  }
  if (closing_) return;
  if (std::exchange(send_pending_, false)) {
    if (send_taken_ < send_offered_) write_blocked_ = true;
    observer_->on_sent({SendResult::Kind::sent, send_taken_, {}});
    if (closing_) return;
  }
  if (write_blocked_) loop_.defer(*this);
}

void TlsStream::on_sent(SendResult result) {
  below_busy_ = false;
  if (closing_) return;
  below_sent(result);
  flush();
  if (!closing_) tell();
}

void TlsStream::on_writable() {
  if (closing_) return;
  if (!std::exchange(below_full_, false)) {
    if (fin_sent_) observer_->on_writable();
    return;
  }
  flush();
  if (!closing_) tell();
}

void TlsStream::shutdown_write() {
  if (fin_wanted_ || closing_) return;
  fin_wanted_ = true;
  if (established_ && failure_ == TlsFailure::none) SSL_shutdown(ssl_.get());
  flush();
  if (failure_ != TlsFailure::none) loop_.defer(*this);
}

std::size_t TlsStream::unacknowledged() const { return below_.unacknowledged() + owed(); }

void TlsStream::close() {
  if (closing_) return;
  assert(observer_ != nullptr);
  closing_ = true;
  const bool owes_close_notify =
      established_ && failure_ == TlsFailure::none && !fin_wanted_ && !below_busy_;
  if (owes_close_notify) {
    SSL_shutdown(ssl_.get());
    flush();
  }
  below_.close();
}

void TlsStream::reset() {
  if (closing_) return;
  closing_ = true;
  below_.reset();
}

void TlsStream::on_closed() {
  Deferred::unlink();
  loop_.timers().disarm(*this);
  in_.release();
  observer_->on_closed();
}

}  // namespace finack::net
