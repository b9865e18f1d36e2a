#pragma once
#include <sys/epoll.h>

#include <array>

#include "net/loop_turn.h"
#include "net/tcp_stream.h"

namespace finack::net {

/// Something other than a stream that waits in the epoll set.
class EpollSource {
 public:
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~EpollSource() = default;
};

/// The epoll backend: streams are non-blocking and registered once, edge-triggered, for writing
/// only when a window was full.
class EpollLoop final : public Loop {
 public:
  static Expected<std::unique_ptr<Loop>> create(const LoopOptions& options, std::string reason);
  EpollLoop(const LoopOptions& options, std::string reason, Fd epoll, Fd wake_fd);

  Backend backend() const override { return Backend::epoll; }
  BufferPool& buffers() override { return buffers_; }
  void run_once(Nanos max_wait) override { turn(*this, max_wait); }

  /// 0 or errno.
  int watch(int fd, EpollSource& source, std::uint32_t events);
  int change(int fd, EpollSource& source, std::uint32_t events);
  void unwatch(int fd);
  /// The source is about to go: an event of this turn must not reach it.
  void forget(const EpollSource& source);

 private:
  static constexpr int kMaxEvents = 512;

  friend class Loop;  // calls the phases of a turn
  void wait(Nanos timeout);
  void deliver();
  void settle() {
    if (attention_.empty() && starved_.empty()) return;
    attend_all();
  }
  bool unsettled() const { return !attention_.empty() || starved_closing_ || can_feed(); }
  void attend_all();

  void start(TcpStream& stream) override;
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

  void on_wake();
  void on_stream(TcpStream& stream, std::uint32_t events);
  void read(TcpStream& stream, bool to_end);
  /// A recv that brought no bytes.
  void read_nothing(TcpStream& stream, ssize_t result);
  void read_fresh(TcpStream& stream);
  void await_room(TcpStream& stream);
  void on_hang_up(TcpStream& stream, std::uint32_t events);
  void judge_hang_up(TcpStream& stream, std::uint32_t events);
  void attend(TcpStream& stream);
  bool can_feed() const { return !starved_.empty() && buffers_.leased() < buffers_.max_blocks(); }

  Fd epoll_;
  BufferPool buffers_;
  StreamQueue attention_;
  StreamQueue starved_;
  bool starved_closing_ = false;
  int ready_ = 0;
  std::array<epoll_event, kMaxEvents> events_;
};

}  // namespace finack::net
