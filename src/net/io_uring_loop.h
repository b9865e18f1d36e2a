#pragma once
#include <liburing.h>
#include <sys/socket.h>

#include <array>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "net/loop_turn.h"
#include "net/ring_pool.h"
#include "net/tcp_stream.h"

namespace finack::net {

/// An operation other than a stream's. Must live until its completion was delivered.
class RingOp {
 public:
  virtual void on_complete(int result) = 0;

 protected:
  ~RingOp() = default;
};

/// Lives as long as the kernel may touch it: given to the loop by an owner that goes earlier.
class RingOrphan {
 public:
  virtual ~RingOrphan() = default;
  virtual bool finished() const = 0;
};

/// The io_uring backend: descriptors are in blocking mode, one multishot receive stands in the
/// kernel from the first byte on, sends are submitted with the next wait.
class IoUringLoop final : public Loop {
 public:
  static Expected<std::unique_ptr<Loop>> create(const LoopOptions& options, std::string reason);
  IoUringLoop(const LoopOptions& options, std::string reason, Fd wake_fd);
  ~IoUringLoop() override;

  Backend backend() const override { return Backend::io_uring; }
  BufferPool& buffers() override { return buffers_; }
  void run_once(Nanos max_wait) override { turn(*this, max_wait); }

  /// An entry to fill in; submitted with the next wait.
  io_uring_sqe* entry();
  void expect(io_uring_sqe* sqe, RingOp& op);
  void cancel(RingOp& op);
  void adopt(std::unique_ptr<RingOrphan> orphan) { orphans_.push_back(std::move(orphan)); }

 private:
  static constexpr unsigned kEntries = 1024;
  static constexpr unsigned kCompletions = 8192;
  static constexpr std::uint32_t kFileBlock = 128 * 1024;
  static constexpr std::uint32_t kMaxFileBlocks = 256;
  /// A turn that received no more chunks than this answers with direct calls: as many system calls
  /// as submitting and the turn that only collects the completions, and no such turn.
  static constexpr unsigned kDirectSends = 2;

  enum class Tag : std::uint64_t { ignored, recv, poll, send, cancel, op, wake, read };
  static constexpr std::uint64_t kTagMask = 7;

  /// A message stays here until its entry was submitted.
  struct Message {
    msghdr header{};
    std::array<iovec, ByteStream::kMaxParts> parts{};
  };

  int set_up();
  void enable();
  void submit();
  /// Hands the entries to the kernel and waits for `wanted` completions, at most until `limit`
  /// (nullptr: no bound).
  void enter(unsigned wanted, const __kernel_timespec* limit);
  friend class Loop;  // calls the phases of a turn
  void wait(Nanos timeout);
  void deliver();
  void settle() {
    if (!unsure_.empty()) look_behind_bytes();
    if (attention_.empty() && starved_.empty() && orphans_.empty()) return;
    attend_all();
  }
  bool unsettled() const { return !attention_.empty() || starved_closing_ || can_feed(); }
  void attend_all();

  void start(TcpStream& stream) override { arm_recv(stream); }
  void pause(TcpStream& stream) override { stream.paused_ = true; }
  void resume(TcpStream& stream) override;
  SendResult send(TcpStream& stream, std::span<const iovec> parts, bool more) override;
  SendResult send_file(TcpStream& stream, int file, std::uint64_t offset,
                       std::size_t bytes) override;
  void shutdown_write(TcpStream& stream) override;
  void close(TcpStream& stream) override;
  std::unique_ptr<Listener> make_listener(Fd socket, bool shared,
                                          AcceptObserver& observer) override;
  std::unique_ptr<Readiness> make_readiness(int fd, ReadinessObserver& observer) override;

  void set_data(io_uring_sqe* sqe, TcpStream& stream, Tag tag);
  void arm_recv(TcpStream& stream);
  void arm_watch(TcpStream& stream);
  void arm_wake();
  /// What stands in the kernel is cancelled; the descriptor is closed when all of it came back.
  void cancel(TcpStream& stream);
  void cancel_recv(TcpStream& stream);
  void close_when_idle(TcpStream& stream);
  SendResult send_now(TcpStream& stream, std::span<const iovec> parts, bool more);
  SendResult submit_send(TcpStream& stream, std::span<const iovec> parts, std::size_t offered,
                         int flags);
  SendResult submit_read(TcpStream& stream, int file, std::uint64_t offset, std::size_t bytes,
                         Buffer chunk);

  /// How often a turn asks for what stands behind the bytes it got.
  static constexpr int kLooksBehind = 2;
  void take_completions();
  bool more_is_due() const;
  void on_completion(const io_uring_cqe& cqe);
  void on_recv(TcpStream& stream, int result, std::uint32_t flags);
  void hold(TcpStream& stream, Buffer chunk);
  void on_recv_end(TcpStream& stream, int result);
  void look_behind_bytes();
  void look_behind(TcpStream& stream);
  bool completions_wait() const;
  void on_send(TcpStream& stream, int result);
  void on_read(TcpStream& stream, int result);
  void on_poll(TcpStream& stream, int result, std::uint32_t flags);
  void attend(TcpStream& stream);
  void deliver_held(TcpStream& stream);
  bool wants_watch(const TcpStream& stream) const;
  bool can_feed() const { return !starved_.empty() && ring_buffers_.available() > 0; }

  io_uring ring_{};
  bool ring_made_ = false;
  bool enabled_ = false;
  std::uint64_t wake_count_ = 0;
  BufferPool buffers_;
  BufferPool file_buffers_;
  RingPool ring_buffers_;
  StreamQueue attention_;
  StreamQueue starved_;
  bool starved_closing_ = false;
  std::vector<TcpStream*> unsure_;  ///< Got bytes this turn, through a receive that still stands.
  std::vector<std::unique_ptr<Message>> messages_;
  std::size_t messages_used_ = 0;
  unsigned received_ = 0;                                     ///< Chunks of this turn.
  std::unordered_map<TcpStream*, std::vector<Buffer>> held_;  ///< Received while paused.
  std::unordered_map<TcpStream*, Buffer> files_;              ///< Read or sent by send_file.
  std::list<std::unique_ptr<RingOrphan>> orphans_;
};

}  // namespace finack::net
