#pragma once
#include <algorithm>
#include <cmath>

#include "finack/base/clock.h"

namespace finack::gateway {

/// How slow a server is, as one worker sees it: a mean of latencies that jumps up to a peak at once
/// and comes down by time. With no news it decays towards zero, so that a server that was slow is
/// tried again. One thread.
class PeakEwma {
 public:
  /// A latency counts this long, about.
  static constexpr Nanos kMemory = std::chrono::seconds(10);

  /// A request took so long; `now` does not go back.
  void observe(Nanos latency, Instant now) {
    const double sample = std::max(1.0, static_cast<double>(latency.count()));
    const double kept = known() ? decay(now) : 0.0;
    mean_ = sample > mean_ ? sample : mean_ * kept + sample * (1 - kept);
    at_ = now;
  }
  /// In nanoseconds, decayed; 0 before the first latency.
  double value(Instant now) const { return known() ? mean_ * decay(now) : 0.0; }
  bool known() const { return mean_ > 0; }

 private:
  double decay(Instant now) const {
    const auto age = static_cast<double>(std::max(Nanos(0), now - at_).count());
    return std::exp(-age / static_cast<double>(kMemory.count()));
  }

  double mean_ = 0;  ///< 0: none yet.
  Instant at_{};
};

}  // namespace finack::gateway
