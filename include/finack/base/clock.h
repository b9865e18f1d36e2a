#pragma once
#include <chrono>

namespace finack {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;
/// A point on the monotonic clock; differences are true even when the wall clock is set.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Nanos>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanos>;

/// Where time comes from. The loop reads it once per turn; tests inject a clock they move by hand.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall() const = 0;
};

/// The machine's clock. Lives as long as the process.
const Clock& system_clock();

/// A clock that moves only when told.
class ManualClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall() const override { return WallTime(now_.time_since_epoch()); }
  void advance(Nanos by) { now_ += by; }

 private:
  Instant now_{std::chrono::hours(1)};
};

}  // namespace finack
