#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace finack::route {

/// Threads for blocking handlers: a fixed number, behind a queue of fixed length. Threads start
/// with the first job. The destructor waits for running jobs; jobs still queued are run too, so
/// that every request is answered.
class BlockingPool {
 public:
  struct Options {
    std::size_t threads = 8;  ///< At least 1.
    std::size_t queue = 256;  ///< Jobs waiting, running ones not counted; 0: refuse unless idle.
  };
  /// A job runs `fn(argument)` once, on a pool thread.
  struct Job {
    void (*fn)(void*) = nullptr;
    void* argument = nullptr;
  };

  explicit BlockingPool(Options options);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// False: the queue is full (counted as refused). From any thread; allocates nothing.
  bool try_run(Job job);
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  void work();
  void start_threads();

  Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> ring_;
  std::size_t head_ = 0;
  std::size_t waiting_ = 0;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace finack::route
