#pragma once
#include <atomic>
#include <cstdint>

namespace finack::gateway {

/// How many of something there are, over all workers, and never more than a limit. Any thread.
class BoundedCount {
 public:
  /// `most`: 0: no limit.
  explicit BoundedCount(std::uint32_t most = 0) : most_(most) {}

  /// False: there are as many as allowed.
  bool try_take() {
    if (most_ == 0) {
      count_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    std::uint32_t count = count_.load(std::memory_order_relaxed);
    while (count < most_) {
      if (count_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void give_back() { count_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  std::uint32_t most() const { return most_; }

 private:
  const std::uint32_t most_;
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace finack::gateway
