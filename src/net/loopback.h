#pragma once
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "finack/base/buffer.h"
#include "finack/base/byte_stream.h"
#include "net/loop.h"

namespace finack::net {

/// A ByteStream without a socket. Its far side is driven by whoever holds the concrete type: it
/// says what the peer does and sees what was sent. Two of them can also be joined into a pair.
///
/// Nothing is delivered from inside a call: with a loop the events come in the loop's deferred
/// work, without one when pump() is called. All events waiting are delivered in one go, so bytes
/// and a RST queued together reach the observer in one wake-up, as on the real backends.
class LoopbackStream final : public ByteStream, private Deferred {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  /// Delivers from `loop`'s deferred work, into its buffers.
  explicit LoopbackStream(Loop& loop) : loop_(&loop), pool_(loop.buffers()) {}
  /// Delivers when pumped.
  explicit LoopbackStream(BufferPool& pool) : pool_(pool) {}
  ~LoopbackStream() override;

  /// Joins two streams: what one sends, its FIN, its close and its reset reach the other. Both must
  /// live until both are closed.
  static void join(LoopbackStream& a, LoopbackStream& b);

  // What the peer does.
  void peer_sends(std::string_view bytes);
  void peer_fin() { peer_ends({EndKind::fin, 0}); }
  void peer_reset() { peer_ends({EndKind::rst, 104}); }  // ECONNRESET
  /// Any ending: fin, rst, timed_out, unreachable, killed.
  void peer_ends(StreamEnd end);
  /// From now on the stream takes `bytes` more, then sends are short; kNoLimit lifts the bound and
  /// tells a waiting observer on_writable.
  void set_window(std::size_t bytes);
  /// What unacknowledged() says from now on.
  void set_unacknowledged(std::size_t bytes) { unacknowledged_ = bytes; }
  void set_tcp_facts(const TcpFacts& facts) { facts_ = facts; }
  /// As io_uring does: send returns pending, on_sent follows at the next delivery.
  void set_sends_pending(bool pending) { sends_pending_ = pending; }

  // What our side did.
  const std::string& sent() const { return sent_; }
  std::string take_sent() { return std::exchange(sent_, {}); }
  bool write_shut() const { return write_shut_; }  ///< shutdown_write was called and took effect.
  bool close_called() const { return closing_; }
  bool reset_called() const { return reset_; }
  bool paused() const { return paused_; }
  std::size_t unread() const { return inbound_.size(); }

  /// Delivers everything that waits; false when nothing did. The stream may be gone afterwards when
  /// on_closed was delivered and its owner destroyed it.
  bool pump();

  void start(StreamObserver& observer) override;
  void pause_reading() override { paused_ = true; }
  void resume_reading() override;
  SendResult send(std::span<const iovec> parts, bool more) override;
  SendResult send_file(int file, std::uint64_t offset, std::size_t bytes) override;
  void shutdown_write() override;
  bool readable() const override { return !inbound_.empty(); }
  std::size_t unacknowledged() const override { return unacknowledged_; }
  TcpFacts tcp_facts() const override { return facts_; }
  void close() override;
  void reset() override;

 private:
  void run_deferred() override { pump(); }
  void wake();
  SendResult take(std::string_view bytes);
  void hand_over(std::string_view bytes);
  void apply_shutdown();
  bool deliver_bytes();
  bool deliver_sent();
  bool deliver_ends();
  bool fatal() const { return end_.kind != EndKind::none && end_.kind != EndKind::fin; }

  Loop* loop_ = nullptr;
  BufferPool& pool_;
  StreamObserver* observer_ = nullptr;
  LoopbackStream* far_ = nullptr;
  std::string inbound_;
  std::string sent_;
  std::string pending_;  ///< Bytes of a pending send.
  std::vector<StreamEnd> ends_;
  StreamEnd end_;  ///< The worst so far.
  TcpFacts facts_;
  std::size_t window_ = kNoLimit;
  std::size_t unacknowledged_ = 0;
  bool paused_ = false;
  bool sends_pending_ = false;
  bool in_send_ = false;
  bool blocked_ = false;   ///< A send was short; on_writable is owed.
  bool writable_ = false;  ///< on_writable is due.
  bool shut_wanted_ = false;
  bool write_shut_ = false;
  bool closing_ = false;
  bool reset_ = false;
  bool done_ = false;
};

}  // namespace finack::net
