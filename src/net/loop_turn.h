#pragma once
#include <algorithm>

#include "net/loop.h"

namespace finack::net {

/// The timer wheel takes deadlines up to 24 days after its last turn: so one comes every day.
inline constexpr Nanos kLongestWait = std::chrono::hours(24);

/// By the clock as last read: a second reading per turn would cost more than a timer that is late
/// by the length of one turn.
inline Nanos Loop::wait_time(Nanos max_wait) const {
  const Nanos limit = std::min(max_wait, kLongestWait);
  const Instant due = timers_.next_due();
  if (due <= turn_end_) return Nanos::zero();
  return std::min(due - turn_end_, limit);  // cannot overflow: Instant::max() is far, not near
}

template <class SomeBackend>
void Loop::turn(SomeBackend& backend, Nanos max_wait) {
  const bool busy = !deferred_.empty() || backend.unsettled();
  backend.wait(busy ? Nanos::zero() : wait_time(max_wait));
  turn_end_ = now_ = clock_->now();
  // This thread alone writes it.
  turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  backend.deliver();
  if (posted_waiting_.load(std::memory_order_acquire)) run_posted();
  if (deferred_.single()) deferred_.pop_front().run_deferred();  // one request a turn
  if (!deferred_.empty()) run_deferred();
  timers_.advance(now_);
  if (!deferred_.empty()) run_deferred();
  backend.settle();
  if (hook_) {
    turn_end_ = clock_->now();
    hook_(turn_end_ - now_);
  }
}

}  // namespace finack::net
