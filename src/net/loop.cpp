#include "net/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/epoll_loop.h"
#include "net/io_uring_loop.h"

namespace finack::net {

namespace {
/// Rounds of work deferred by deferred work in one turn; what is left waits for the next turn.
constexpr int kDeferredRounds = 16;
}  // namespace

std::string_view name(Backend backend) {
  switch (backend) {
    case Backend::automatic:
      return "auto";
    case Backend::io_uring:
      return "io_uring";
    case Backend::epoll:
      return "epoll";
  }
  return "";
}

Expected<std::unique_ptr<Loop>> Loop::create(const LoopOptions& options) {
  if (options.backend == Backend::epoll) return EpollLoop::create(options, "configured");
  auto ring = IoUringLoop::create(
      options, options.backend == Backend::io_uring ? "configured" : "available");
  if (ring || options.backend == Backend::io_uring) return ring;
  return EpollLoop::create(options, ring.error().what);
}

Loop::Loop(const Clock& clock, Fd wake_fd)
    : clock_(&clock),
      now_(clock.now()),
      timers_(now_),
      wake_fd_(std::move(wake_fd)),
      turn_end_(now_) {}

Loop::~Loop() = default;

void Loop::post(std::move_only_function<void()> fn) {
  // Woken under the lock: once `fn` has run, the loop may go, and this thread must be done with it.
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(fn));
  posted_waiting_.store(true, std::memory_order_release);
  wake();
}

void Loop::wake() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter never comes near its limit, one write per wake-up.
  [[maybe_unused]] const ssize_t n = ::write(wake_fd_.get(), &one, sizeof one);
}

void Loop::stop() {
  stop_.store(true, std::memory_order_release);
  wake();
}

void Loop::run() {
  while (!stop_.load(std::memory_order_acquire)) run_once(Nanos::max());
  stop_.store(false, std::memory_order_release);
}

/// A round is what waits at its start. Any of it may be destroyed by what runs before it.
void Loop::run_deferred() {
  for (int round = 0; round < kDeferredRounds && !deferred_.empty(); ++round) {
    if (deferred_.single()) {
      deferred_.pop_front().run_deferred();
      continue;
    }
    deferred_.push_back(round_end_);
    while (round_end_.linked()) deferred_.pop_front().run_deferred();
  }
}

void Loop::run_posted() {
  posted_waiting_.store(false, std::memory_order_release);
  std::vector<std::move_only_function<void()>> batch;
  {
    const std::lock_guard lock(posted_mutex_);
    batch.swap(posted_);
  }
  for (auto& fn : batch) fn();
}

}  // namespace finack::net
