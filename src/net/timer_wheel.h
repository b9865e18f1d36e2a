#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "finack/base/clock.h"

namespace finack::net {

class TimerWheel;

/// A place in a wheel's slot; the slot itself is one too.
struct TimerLink {
  TimerLink* next = nullptr;
  TimerLink* prev = nullptr;

  void unlink() {
    if (next == nullptr) return;
    prev->next = next;
    next->prev = prev;
    next = prev = nullptr;
  }
};

/// A timer: embedded in what it times, armed in at most one wheel, no allocation. Derive from it.
/// Re-arming to a later time only stores the deadline, and disarming only forgets it; the wheel
/// moves the node, or drops it, when it meets it.
class Timer : private TimerLink {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  bool armed() const { return next != nullptr && ticks_behind_filed() >= 0; }

 protected:
  ~Timer() { unlink(); }
  /// The deadline has passed; the timer is no longer armed. Called by the wheel on the loop thread.
  virtual void on_timer() = 0;

 private:
  friend class TimerWheel;
  std::int32_t ticks_behind_filed() const { return static_cast<std::int32_t>(deadline_ - filed_); }

  std::uint32_t deadline_ = 0;  ///< Ticks; before filed_: it was disarmed since it was filed.
  std::uint32_t filed_ = 0;     ///< The tick under which the node is filed.
};

/// A hierarchical timing wheel, tick 1 ms, range 24 days (longer deadlines are clamped to it).
class TimerWheel {
 public:
  static constexpr Nanos kTick = std::chrono::milliseconds(1);
  /// The farthest deadline, in ticks from now.
  static constexpr std::uint32_t kMaxTicks = 24u * 24 * 3600 * 1000;

  explicit TimerWheel(Instant start);
  /// Timers still armed are disarmed.
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// (Re-)arms for `deadline`, rounded up to a tick, never early. Constant time.
  void arm(Timer& timer, Instant deadline);
  /// The node stays where it is: most are armed again, for later, before the wheel meets it.
  void disarm(Timer& timer) { timer.deadline_ = timer.filed_ - 1; }
  /// Fires everything due at `now`; timers armed meanwhile for the past fire in the next call.
  void advance(Instant now) {
    if (now >= quiet_until_) catch_up(now);
  }
  /// When advance must be called at the latest; Instant::max() when nothing is armed. May be early
  /// by the timers that were disarmed or put off since.
  Instant next_due() const { return next_due_; }

 private:
  static constexpr std::uint64_t kNever = UINT64_MAX;
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kLevels = 4;

  /// 256 slots of 1, 256, 65 536 and 16 777 216 ticks.
  struct Level {
    std::array<TimerLink, kSlots> slots;
    std::array<std::uint64_t, kSlots / 64> used{};  ///< May be set for a slot that became empty.
  };

  /// How far the wheel may lag behind the clock while nothing is due, in ticks: it keeps advance
  /// cheap, and a timer armed meanwhile may only be filed one level higher than it could be.
  static constexpr std::uint64_t kLag = 1000;

  Instant time_of(std::uint64_t tick) const {
    return start_ + kTick * static_cast<Nanos::rep>(tick);
  }
  void catch_up(Instant now);
  /// Something must be looked at by `tick`, kNever: nothing.
  void set_next(std::uint64_t tick);
  std::uint64_t floor_tick(Instant at) const;
  std::uint64_t ceil_tick(Instant at) const;
  void file(Timer& timer, std::uint64_t tick);
  void refile_or_fire(TimerLink& list, bool fire);
  void process(std::uint64_t tick);
  std::uint64_t find_next();
  std::uint64_t find_next(std::size_t level);

  Instant start_;
  std::uint64_t current_ = 0;  ///< The tick up to which everything was processed.
  std::uint64_t horizon_ = 0;  ///< The tick of the advance under way, else current_.
  std::uint64_t next_ = kNever;
  Instant next_due_ = Instant::max();  ///< The time of next_.
  Instant quiet_until_;                ///< Until then advance has nothing to do.
  TimerLink overdue_;
  std::array<Level, kLevels> levels_;
};

}  // namespace finack::net
