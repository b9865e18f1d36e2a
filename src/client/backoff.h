#pragma once
#include <algorithm>
#include <cstdint>

#include "base/unit_draw.h"
#include "finack/base/clock.h"

namespace finack::client {

/// Exponential backoff with full jitter: before retry n (from 1) a wait drawn evenly from
/// [0, min(most, base · 2^(n−1))], so that many clients that failed at once do not return at once.
struct Backoff {
  Nanos base = std::chrono::milliseconds(25);
  Nanos most = std::chrono::milliseconds(250);

  /// `draw`: 64 even random bits.
  Nanos wait(std::uint32_t retry, std::uint64_t draw) const {
    const std::uint32_t doublings = std::min<std::uint32_t>(retry == 0 ? 0 : retry - 1, 30);
    const Nanos::rep times = Nanos::rep{1} << doublings;
    const Nanos widest = base > most / times ? most : base * times;
    return Nanos(static_cast<Nanos::rep>(static_cast<double>(widest.count()) * unit_draw(draw)));
  }
};

}  // namespace finack::client
