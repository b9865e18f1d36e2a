#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "finack/base/buffer.h"

namespace finack {

/// How one direction, or the whole of a stream, came to its end, as the kernel told it.
enum class EndKind : std::uint8_t {
  none,       ///< Still going.
  fin,        ///< The peer finished its direction; ours still works.
  rst,        ///< Reset by the peer (ECONNRESET, EPIPE, EPOLLERR).
  timed_out,  ///< The kernel gave up: retransmissions, keep-alive or TCP_USER_TIMEOUT (ETIMEDOUT).
  unreachable,  ///< EHOSTUNREACH, ENETUNREACH and the like.
  killed,       ///< ECONNABORTED: destroyed from outside (`ss -K`).
  truncated,    ///< TLS only: FIN without close_notify.
  no_memory,    ///< The kernel had none for us (ENOMEM, ENOBUFS, ENOSPC); the peer is still there.
  error,        ///< Any other errno; TLS: EPROTO, what came was no valid TLS.
  alert         ///< TLS only: a fatal alert of the peer; StreamEnd::error is its number.
};

struct StreamEnd {
  EndKind kind = EndKind::none;
  int error = 0;  ///< errno, 0 for fin and truncated; the number of an alert.
};

/// What the kernel knows of the connection (TCP_INFO and friends); read once, at a bad end, or by a
/// timer that must tell slow from gone. `valid` is false for streams that have no such thing.
struct TcpFacts {
  bool valid = false;
  std::uint8_t state = 0;
  std::uint8_t probes = 0;       ///< Unanswered window or keep-alive probes.
  std::uint8_t retransmits = 0;  ///< Consecutive, of the segment now waiting.
  std::uint32_t unacked_segments = 0;
  std::uint32_t notsent_bytes = 0;
  std::uint32_t rtt_us = 0;
  std::uint32_t total_retransmits = 0;
  std::uint32_t last_ack_recv_ms = 0;
  std::uint64_t bytes_acked = 0;
};

/// Slow or gone, by what the kernel says of a live socket (docs/endings.md, "what the kernel
/// tells"). What is not valid proves nothing.
inline bool peer_gone(const TcpFacts& facts) {
  if (!facts.valid) return false;
  if (facts.unacked_segments > 0 && facts.retransmits > 0) return true;
  return facts.probes >= 2;
}

/// The outcome of one send.
struct SendResult {
  enum class Kind : std::uint8_t {
    sent,  ///< `bytes` were taken by the kernel; fewer than offered means: the window is full, and
           ///< on_writable will come.
    pending,  ///< The backend works on it; the memory must stay valid until on_sent.
    failed    ///< `end` says why; on_end is not called again for it.
  };
  Kind kind = Kind::sent;
  std::size_t bytes = 0;
  StreamEnd end;
};

/// Receives what a stream has to tell; implemented by connections. All calls come on the loop
/// thread, never from inside a call the observer itself makes into the stream.
class StreamObserver {
 public:
  /// Bytes of the peer, in order. Comes only while reading is on; after on_end(fin) too, when
  /// reading was paused and bytes waited before the FIN.
  virtual void on_bytes(Buffer chunk) = 0;
  /// The peer's direction (fin) or the whole stream ended. At most twice: fin, then something
  /// worse. Comes also while reading is paused, and with unread data in the queue.
  virtual void on_end(StreamEnd end) = 0;
  /// A pending send is complete (result.kind is sent or failed).
  virtual void on_sent(SendResult result) = 0;
  /// After a short send (also one reported by on_sent): the stream takes bytes again. After
  /// shutdown_write: the peer may have acknowledged everything including our FIN, unacknowledged()
  /// tells (only some backends call then; a timer must not rely on it).
  virtual void on_writable() = 0;
  /// close() or reset() is complete; nothing more will come, the stream may be destroyed.
  virtual void on_closed() = 0;

 protected:
  ~StreamObserver() = default;
};

/// A connected byte stream, plaintext TCP, in-process loopback or TLS. Not owned by its observer's
/// class hierarchy; belongs to one loop thread.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Starts delivering to `observer`. The read side stays armed until close: FIN and RST are seen
  /// at once, also while paused.
  virtual void start(StreamObserver& observer) = 0;
  /// Back-pressure: stop taking bytes; on_end still comes.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  /// What send() takes at most in one call.
  static constexpr std::size_t kMaxParts = 8;
  /// Sends the bytes of `parts` (at most kMaxParts). One send at a time: not again before `sent` or
  /// on_sent. `more` holds the last segment back for the FIN or for bytes about to follow
  /// (MSG_MORE).
  virtual SendResult send(std::span<const iovec> parts, bool more) = 0;
  /// As send, from a file descriptor at `offset`. A file that ends early or cannot be read reports
  /// sent, bytes = 0 and end.error = ENODATA or the read's errno; the stream is unharmed. (bytes =
  /// 0 with no error is a full window, as with send.)
  virtual SendResult send_file(int file, std::uint64_t offset, std::size_t bytes) = 0;
  /// Our FIN: nothing is sent after it.
  virtual void shutdown_write() = 0;

  /// One look: are there received bytes that were not delivered yet? Under TLS they need not be
  /// application data.
  virtual bool readable() const = 0;
  /// Bytes we sent that the peer has not acknowledged (SIOCOUTQ, our own FIN not counted): an upper
  /// bound of what was lost. True also after a reset, until close.
  virtual std::size_t unacknowledged() const = 0;
  virtual TcpFacts tcp_facts() const = 0;

  /// Ends the stream: close sends a FIN where none was sent (a RST when unread bytes wait), reset a
  /// RST on purpose. on_closed follows, from the loop, never from inside this call.
  virtual void close() = 0;
  virtual void reset() = 0;
};

}  // namespace finack
