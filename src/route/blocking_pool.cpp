#include "finack/route/blocking_pool.h"

#include <algorithm>

namespace finack::route {

BlockingPool::BlockingPool(Options options) : options_(options) {
  options_.threads = std::max<std::size_t>(options_.threads, 1);
  ring_.resize(options_.queue + options_.threads);
}

BlockingPool::~BlockingPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  threads_.clear();
}

bool BlockingPool::try_run(Job job) {
  {
    const std::lock_guard lock(mutex_);
    const std::size_t idle = options_.threads - running_;
    if (stopping_ || waiting_ >= idle + options_.queue) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    if (threads_.empty()) start_threads();
    ring_[(head_ + waiting_) % ring_.size()] = job;
    ++waiting_;
  }
  wake_.notify_one();
  return true;
}

void BlockingPool::start_threads() {
  threads_.reserve(options_.threads);
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

void BlockingPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return waiting_ > 0 || stopping_; });
    if (waiting_ == 0) return;
    const Job job = ring_[head_];
    head_ = (head_ + 1) % ring_.size();
    --waiting_;
    ++running_;
    lock.unlock();
    job.fn(job.argument);
    lock.lock();
    --running_;
  }
}

}  // namespace finack::route
