#pragma once
#include <cstdint>

#include "finack/base/byte_stream.h"
#include "finack/base/fd.h"
#include "net/loop.h"

namespace finack::net {

/// A connected TCP or Unix-socket stream on a loop; see ByteStream for the contract. Small on
/// purpose (it stands in every idle connection's slot): 56 bytes, asserted below.
class TcpStream final : public ByteStream {
 public:
  /// Takes the descriptor. The backend decides whether it is non-blocking.
  TcpStream(Loop& loop, Fd fd) : loop_(&loop), fd_(fd.take()) {}
  ~TcpStream() override;  // asserts: never started, or on_closed was called
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  /// -1 once the descriptor is closed.
  int fd() const { return fd_; }
  Loop& loop() const { return *loop_; }
  /// One poll of the kernel, for code that keeps the loop busy: has the peer ended its direction?
  /// Reports nothing to the observer. A fatal end takes the socket's error with it: whoever is told
  /// of one ends the stream by it.
  StreamEnd peek_end() const;

  void start(StreamObserver& observer) override;
  void pause_reading() override { loop_->pause(*this); }
  void resume_reading() override { loop_->resume(*this); }
  SendResult send(std::span<const iovec> parts, bool more) override {
    return loop_->send(*this, parts, more);
  }
  SendResult send_file(int file, std::uint64_t offset, std::size_t bytes) override {
    return loop_->send_file(*this, file, offset, bytes);
  }
  void shutdown_write() override { loop_->shutdown_write(*this); }
  bool readable() const override;
  std::size_t unacknowledged() const override;
  TcpFacts tcp_facts() const override;
  void close() override;
  void reset() override;

 private:
  friend class EpollLoop;
  friend class IoUringLoop;
  friend class StreamQueue;

  /// Remembers a fatal end (anything but fin) unless one is known: the first error wins.
  void remember(StreamEnd end);
  bool fatal() const { return kind_ != EndKind::none; }
  StreamEnd fatal_end() const { return {kind_, error_}; }
  /// Tells the observer of an end it does not know yet.
  void report(StreamEnd end);
  /// The fatal end as the outcome of a send; on_end will not follow.
  SendResult failed(int error);
  SendResult failed_again() const { return {SendResult::Kind::failed, 0, fatal_end()}; }
  void send_our_fin();

  Loop* loop_;
  StreamObserver* observer_ = nullptr;
  TcpStream* next_ = nullptr;  ///< In the backend's attention queue.
  std::int32_t fd_;
  std::uint32_t in_flight_bytes_ = 0;  ///< io_uring: what the pending send offered.
  std::uint16_t error_ = 0;            ///< errno of the fatal end.
  EndKind kind_ = EndKind::none;       ///< The fatal end, none while there is none.

  // What cannot be read off the fields above, one bit each to keep the slot small.
  bool queued_ : 1 = false;  ///< In the attention queue.
  bool fresh_ : 1 = false;   ///< epoll: started, not yet read nor registered.
  bool paused_ : 1 = false;
  bool may_read_ : 1 = false;       ///< epoll: bytes may wait that no edge will announce.
  bool drained_ : 1 = false;        ///< io_uring: recv has said the end.
  bool hung_up_ : 1 = false;        ///< epoll: RDHUP, HUP or ERR was seen: read to the end.
  bool starved_ : 1 = false;        ///< Waits for a buffer.
  bool write_blocked_ : 1 = false;  ///< A send was short: on_writable is owed.
  bool write_watched_ : 1 = false;  ///< epoll: registered for room to write.
  bool fin_seen_ : 1 = false;       ///< The peer's, and reported.
  bool fin_wanted_ : 1 = false;     ///< shutdown_write came while a send was pending.
  bool fin_sent_ : 1 = false;       ///< Ours.
  bool closing_ : 1 = false;
  bool resetting_ : 1 = false;      ///< What is queued is dropped.
  bool closed_ : 1 = false;         ///< on_closed was called.
  bool recv_armed_ : 1 = false;     ///< io_uring: the multishot receive is with the kernel.
  bool poll_armed_ : 1 = false;     ///< io_uring: the watch for RDHUP, HUP and ERR is.
  bool send_armed_ : 1 = false;     ///< io_uring: a send is.
  bool cancel_armed_ : 1 = false;   ///< io_uring: the cancel that comes before a close is.
  bool holding_ : 1 = false;        ///< io_uring: bytes received while paused are kept.
  bool send_doubtful_ : 1 = false;  ///< io_uring: a send may have eaten the socket's error.
  bool unsure_ : 1 = false;         ///< io_uring: nothing has touched the socket since bytes came.
};

static_assert(sizeof(TcpStream) <= 56);

/// Streams that need the backend's attention outside of events, first in, first out.
class StreamQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  void push(TcpStream& stream);
  TcpStream* pop();
  /// Moves all of `other` to the end.
  void append(StreamQueue& other);

 private:
  TcpStream* first_ = nullptr;
  TcpStream* last_ = nullptr;
};

/// What a HUP or ERR of a poll means: HUP without ERR after our own FIN, both FINs are exchanged;
/// HUP before it, or ERR, a reset whatever recv says. Consumes the socket's error.
StreamEnd hang_up_end(int fd, bool error_flagged, bool fin_sent);
/// How an errno ends a stream.
StreamEnd stream_end(int error);
/// The socket's pending error, 0 when there is none; reading consumes it.
int take_socket_error(int fd);
/// TCP_CLOSE: the headers that define it cannot be included beside <linux/tcp.h>.
inline constexpr int kTcpClose = 7;
/// The TCP state of a socket (TCP_ESTABLISHED …), 0 when it has none.
int tcp_state(int fd);

}  // namespace finack::net
