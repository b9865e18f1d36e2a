#pragma once
#include <cstdint>

#include "finack/base/clock.h"

// Bounds that many rows share.

namespace finack::gateway {

inline constexpr Nanos kShortest = std::chrono::milliseconds(1);
inline constexpr Nanos kHour = std::chrono::hours(1);
inline constexpr Nanos kDay = std::chrono::hours(24);
inline constexpr Nanos kMonth = std::chrono::hours(30 * 24);
inline constexpr Nanos kLongestWait = std::chrono::hours(24 * 24);  ///< Of a timer.
inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;
inline constexpr std::uint64_t kMost = 100'000'000;  ///< Connections, requests: practically any.

}  // namespace finack::gateway
