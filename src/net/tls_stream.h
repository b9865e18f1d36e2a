#pragma once
#include <memory>
#include <string>

#include "finack/base/byte_stream.h"
#include "net/loop.h"
#include "net/tls_context.h"
#include "net/tls_error.h"

namespace finack::net {

/// Whom a client stream speaks to; empty for a server's.
struct TlsPeer {
  /// DNS name or IP address. Checked against the certificate's subjectAltName; a DNS name is sent
  /// as SNI. Must not be empty where the context verifies.
  std::string name{};
  /// Tells servers of one name apart for session reuse, such as "10.0.0.1:8443"; may be empty.
  std::string server{};
};

/// What a handshake came to.
struct TlsHandshake {
  TlsFailure failure = TlsFailure::none;
  StreamEnd end{};             ///< How it ends the stream; none on success.
  std::string reason{};        ///< For a person, where it failed.
  int alert_received = -1;     ///< Number of the peer's fatal alert; alert_name() says its name.
  int alert_sent = -1;         ///< Number of ours.
  long verify_result = 0;      ///< X509_V_…, where the certificate was not believed.
  Nanos took{};                ///< From start().
  std::string_view version{};  ///< "TLSv1.3"; static.
  std::string_view cipher{};   ///< "TLS_AES_256_GCM_SHA384"; static.
  std::string alpn{};          ///< Empty: none agreed.
  bool resumed = false;

  explicit operator bool() const { return failure == TlsFailure::none; }
};

class TlsObserver {
 public:
  /// Exactly once, unless the stream is closed before. On success the stream works from now on
  /// (bytes may follow in the same turn); on failure it is over: on_end does not follow, and the
  /// owner closes it.
  virtual void on_handshake(const TlsHandshake& handshake) = 0;

 protected:
  ~TlsObserver() = default;
};

/// TLS over another stream, client or server by its context; see ByteStream for the contract.
///
/// - The handshake begins with start(). Sends before it is done take nothing (a full window).
/// - A send is `sent` once the stream below has taken its ciphertext, `pending` until then.
/// - Ends: close_notify is `fin`; FIN without it `truncated`; a fatal alert `alert`; what is no
///   valid TLS `error` with EPROTO; else as the stream below says. While reading is paused a FIN is
///   told as `fin`, and as `truncated` afterwards when no close_notify was behind the unread bytes.
/// - shutdown_write() sends close_notify, and so does close() where none was sent and neither a
/// send
///   is under way below nor the stream has failed; reset() does not.
/// - send_file() reads on the loop's thread.
/// - unacknowledged() counts ciphertext.
///
/// Idle it holds no buffer, but OpenSSL's state: about 19 KiB, and 16 KiB more for a client that
/// got a TLS 1.3 ticket, because OpenSSL 3.0 keeps its handshake buffer after it.
class TlsStream final : public ByteStream, private StreamObserver, private Deferred, private Timer {
 public:
  /// `below` is connected, not started, and outlives this; `context` is kept.
  TlsStream(Loop& loop, ByteStream& below, std::shared_ptr<TlsContext> context, const TlsPeer& peer,
            TlsObserver& observer);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  bool established() const { return established_; }
  /// What ended the stream after its handshake; none while it works. Also for a handshake.
  TlsFailure failure() const { return failure_; }
  const std::string& failure_reason() const { return reason_; }
  int alert_received() const { return alert_received_; }  ///< -1: none.
  int alert_sent() const { return alert_sent_; }          ///< -1: none.

  void start(StreamObserver& observer) override;
  void pause_reading() override;
  void resume_reading() override;
  SendResult send(std::span<const iovec> parts, bool more) override;
  SendResult send_file(int file, std::uint64_t offset, std::size_t bytes) override;
  void shutdown_write() override;
  bool readable() const override;
  std::size_t unacknowledged() const override;
  TcpFacts tcp_facts() const override { return below_.tcp_facts(); }
  void close() override;
  void reset() override;

 private:
  /// Plaintext of one send that is turned into ciphertext before the stream below must take it.
  static constexpr std::size_t kMaxPlain = 64 * 1024;
  static constexpr std::size_t kFileBlock = 16 * 1024;

  // From the stream below.
  void on_bytes(Buffer chunk) override;
  void on_end(StreamEnd end) override;
  void on_sent(SendResult result) override;
  void on_writable() override;
  void on_closed() override;
  void run_deferred() override;
  void on_timer() override { run_deferred(); }

  void set_up(const TlsPeer& peer);
  void set_peer(const TlsPeer& peer);
  /// What the peer's bytes, or the first turn, make possible.
  void advance();
  void shake_hands();
  void look_for_alert();
  void decode();
  /// Delivers the plaintext of one read; false when decoding stops here.
  bool decode_once();
  void stall();
  void look_behind_end();
  TlsVerdict verdict(int result);
  /// Turns up to kMaxPlain bytes of `parts`, from byte `from` on, into ciphertext; how many.
  std::size_t encrypt(std::span<const iovec> parts, std::size_t from);
  /// Hands ciphertext to the stream below, as far as it takes it.
  void flush(bool more = false);
  void flushed();
  /// Ciphertext that the stream below has not taken.
  std::size_t owed() const {
    return next_out_.size() + (out_.empty() ? 0 : out_.size() - out_done_);
  }
  bool unflushed() const { return !out_.empty() || !next_out_.empty(); }
  void below_sent(SendResult result);
  /// Remembers the first failure; tell() tells it, from the loop.
  void fail(TlsFailure failure, StreamEnd end, std::string reason);
  void tell();
  void tell_handshake();
  void report(StreamEnd end);

  // OpenSSL's side: it reads from in_ and writes to next_out_.
  friend struct TlsCallbacks;

  Loop& loop_;
  ByteStream& below_;
  std::shared_ptr<TlsContext> context_;
  SslPtr ssl_;
  TlsObserver& tls_observer_;
  StreamObserver* observer_ = nullptr;
  std::string session_key_;
  std::string reason_;
  Buffer in_;             ///< Ciphertext not yet taken by OpenSSL.
  std::string out_;       ///< Ciphertext for the stream below; not moved while it is at it.
  std::string next_out_;  ///< What OpenSSL writes meanwhile.
  std::size_t out_done_ = 0;
  std::size_t send_taken_ = 0;    ///< Plaintext of the send that is pending.
  std::size_t send_offered_ = 0;  ///< What it offered.
  Instant started_;
  StreamEnd fatal_end_;
  std::int16_t alert_received_ = -1;
  std::int16_t alert_sent_ = -1;
  TlsFailure failure_ = TlsFailure::none;
  bool established_ = false;
  bool handshake_told_ = false;
  bool failure_told_ = false;
  bool paused_ = false;
  bool stalled_ = false;     ///< No buffer: the stream below is paused until one is there.
  bool below_busy_ = false;  ///< A send of it is pending.
  bool below_full_ = false;  ///< Its on_writable is awaited.
  bool below_fin_ = false;
  bool below_failed_ = false;  ///< A send of it, while unread bytes may say why.
  bool send_pending_ = false;
  bool write_blocked_ = false;  ///< on_writable is owed.
  bool peer_done_ = false;      ///< close_notify.
  bool fin_told_ = false;
  bool worse_told_ = false;
  bool fin_wanted_ = false;
  bool fin_sent_ = false;
  bool closing_ = false;
};

}  // namespace finack::net
