#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

namespace finack::client {

/// Bounds how many of a cluster's live requests may be retries, over all workers, so that retries
/// cannot multiply an overload. Any thread.
class RetryBudget {
 public:
  /// `percent` of the live requests, never less than `least` at a time, and never more than `most`
  /// (0: no such limit).
  RetryBudget(std::uint32_t percent, std::uint32_t least, std::uint32_t most = 0)
      : percent_(percent), least_(least), most_(most) {}

  /// Takes a token for a retry while `live_requests` are under way; false: none is left.
  bool try_take(std::uint64_t live_requests) {
    std::uint64_t most = std::max<std::uint64_t>(least_, live_requests * percent_ / 100);
    if (most_ != 0) most = std::min<std::uint64_t>(most, most_);
    std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    while (taken < most) {
      if (taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void give_back() { taken_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  const std::uint32_t percent_;
  const std::uint32_t least_;
  const std::uint32_t most_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace finack::client
