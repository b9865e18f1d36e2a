#pragma once
#include <chrono>
#include <stdexcept>
#include <string>

namespace finack::e2e {

using Millis = std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

/// Something that an end-to-end test waited for, or relied on, did not come true.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A point in time after which nobody waits any longer. No wait in these tests is without one.
class Deadline {
 public:
  explicit Deadline(Millis from_now) : at_(SteadyClock::now() + from_now) {}

  bool passed() const { return SteadyClock::now() >= at_; }
  /// What is left, never negative.
  Millis left() const {
    const auto left = std::chrono::ceil<Millis>(at_ - SteadyClock::now());
    return left.count() > 0 ? left : Millis(0);
  }
  /// As poll() wants it.
  int poll_timeout() const { return static_cast<int>(left().count()); }
  /// The earlier of this one and `limit` from now.
  Deadline within(Millis limit) const {
    Deadline other(limit);
    return other.at_ < at_ ? other : *this;
  }

 private:
  SteadyClock::time_point at_;
};

/// Asks again every few milliseconds until `condition` holds; false when the deadline passes first.
template <class Condition>
bool eventually(const Deadline& deadline, Condition condition);

/// Sleeps, but not past the deadline.
void pause(const Deadline& deadline, Millis duration);

template <class Condition>
bool eventually(const Deadline& deadline, Condition condition) {
  while (!condition()) {
    if (deadline.passed()) return false;
    pause(deadline, Millis(10));
  }
  return true;
}

}  // namespace finack::e2e
