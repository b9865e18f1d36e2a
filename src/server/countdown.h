#pragma once
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "finack/base/clock.h"

namespace finack::server {

/// A number of things that others do, to be waited for. Any thread.
class Countdown {
 public:
  explicit Countdown(std::size_t open) : open_(open) {}
  void done() {
    const std::scoped_lock lock(mutex_);
    if (--open_ == 0) all_done_.notify_all();
  }
  /// False: some were still to be done after `limit`.
  bool wait(Nanos limit) {
    std::unique_lock lock(mutex_);
    return all_done_.wait_for(lock, limit, [this] { return open_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::size_t open_;
};

}  // namespace finack::server
