#pragma once
#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/buffer.h"
#include "finack/base/byte_stream.h"
#include "finack/base/clock.h"
#include "finack/base/error.h"
#include "finack/base/fd.h"
#include "finack/base/intrusive_list.h"
#include "net/timer_wheel.h"

namespace finack::net {

class TcpStream;
class Listener;
class AcceptObserver;
class Readiness;
class ReadinessObserver;

enum class Backend : std::uint8_t { automatic, io_uring, epoll };
std::string_view name(Backend backend);  ///< "auto", "io_uring", "epoll"

struct LoopOptions {
  Backend backend = Backend::automatic;
  std::uint32_t buffer_bytes = 16 * 1024;
  /// Bounds the buffers for received bytes, and those taken from buffers(), each for itself on
  /// io_uring and both together on epoll.
  std::uint32_t max_buffers = 4096;
  const Clock* clock = nullptr;  ///< nullptr: the system's.
};

/// Work put off until this wake-up has told all of what it is about: to the end of the loop turn,
/// or on epoll, when an observer of a stream defers it and nothing else waits, to behind that
/// stream's event. Embedded, no allocation.
class Deferred : public ListNode {
 public:
  virtual void run_deferred() = 0;

 protected:
  ~Deferred() = default;
};

/// One thread's event loop. A turn: submit and wait; read the clock once; deliver what happened to
/// observers; run posted functions; run deferred work; fire timers and run the work they deferred;
/// serve the streams that asked for attention; call the turn hook. run and run_once belong to one
/// thread for the loop's life. Only post(), wake(), stop() and turns() may be called from other
/// threads.
class Loop {
 public:
  /// On automatic, io_uring is tried first; backend_reason() says why epoll was taken instead.
  static Expected<std::unique_ptr<Loop>> create(const LoopOptions& options);
  virtual ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  virtual Backend backend() const = 0;
  const std::string& backend_reason() const { return backend_reason_; }

  /// The clock as of this turn. precise_now() reads it afresh (one vDSO call).
  Instant now() const { return now_; }
  Instant precise_now() const { return clock_->now(); }
  const Clock& clock() const { return *clock_; }
  TimerWheel& timers() { return timers_; }
  /// Whatever runs this loop, for objects on it that have no room for a pointer of their own.
  void set_owner(void* owner) { owner_ = owner; }
  void* owner() const { return owner_; }
  virtual BufferPool& buffers() = 0;

  /// Work deferred by deferred work runs in the same turn too, up to a bound that keeps I/O going.
  /// Work already waiting is left where it is.
  void defer(Deferred& work) {
    if (!work.linked()) deferred_.push_back(work);
  }
  /// Runs `fn` on the loop thread, in order; what is never run is destroyed with the loop.
  void post(std::move_only_function<void()> fn);
  void wake();

  /// Runs turns until stop().
  void run();
  /// One turn, waiting at most `max_wait` for something to happen.
  virtual void run_once(Nanos max_wait) = 0;
  void stop();
  /// Called at the end of every turn with the time spent since its wait returned.
  void on_turn_end(std::move_only_function<void(Nanos busy)> hook) { hook_ = std::move(hook); }
  /// Increments every turn; read by the watchdog from its own thread.
  std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }

 protected:
  Loop(const Clock& clock, Fd wake_fd);

  /// One turn, in net/loop_turn.h: the backend is known there, so that its phases are called
  /// directly. They are
  ///   wait(timeout)      submits what waits and blocks for at most `timeout` (Nanos::max(): no
  ///                      bound); what happened is kept for deliver(),
  ///   deliver()          tells observers what happened,
  ///   settle()           serves the streams that asked for attention (first and resumed reads,
  ///                      closings),
  ///   unsettled()        is true when settle() has something to do that no event will announce.
  template <class SomeBackend>
  void turn(SomeBackend& backend, Nanos max_wait);

  // What TcpStream leaves to its backend.
  friend class TcpStream;
  virtual void start(TcpStream& stream) = 0;
  virtual void pause(TcpStream& stream) = 0;
  virtual void resume(TcpStream& stream) = 0;
  virtual SendResult send(TcpStream& stream, std::span<const iovec> parts, bool more) = 0;
  virtual SendResult send_file(TcpStream& stream, int file, std::uint64_t offset,
                               std::size_t bytes) = 0;
  virtual void shutdown_write(TcpStream& stream) = 0;
  virtual void close(TcpStream& stream) = 0;

  friend class Listener;
  virtual std::unique_ptr<Listener> make_listener(Fd socket, bool shared,
                                                  AcceptObserver& observer) = 0;
  friend class Readiness;
  virtual std::unique_ptr<Readiness> make_readiness(int fd, ReadinessObserver& observer) = 0;

  int wake_fd() const { return wake_fd_.get(); }
  /// The backend has emptied the wake descriptor. After that, not before: else a wake-up that came
  /// in between would be emptied with it, and none would follow. The exchange makes what its sender
  /// wrote before (a post, a stop) visible to this turn.
  void woken() { woken_.exchange(false, std::memory_order_acq_rel); }

  const Clock* clock_;
  void* owner_ = nullptr;
  Instant now_;
  TimerWheel timers_;
  IntrusiveList<Deferred> deferred_;
  std::string backend_reason_;

 private:
  /// Separates work that waits from work deferred meanwhile.
  struct RoundEnd final : Deferred {
    void run_deferred() override {}
  };

  Nanos wait_time(Nanos max_wait) const;
  void run_deferred();
  void run_posted();

  Fd wake_fd_;
  RoundEnd round_end_;
  Instant turn_end_;
  std::move_only_function<void(Nanos)> hook_;
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> woken_{false};
  std::atomic<bool> posted_waiting_{false};
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
};

}  // namespace finack::net
