#pragma once
#include <atomic>

namespace finack::admin {

/// Whether this process lives and wants traffic; written by the server's start and drain, read by
/// the probes. Any thread.
class Health {
 public:
  /// The listeners are open: ready from here on.
  void set_ready(bool ready) { ready_.store(ready, std::memory_order_relaxed); }
  /// A drain began: never ready again.
  void start_draining() { draining_.store(true, std::memory_order_relaxed); }
  /// False: an invariant broke and the process should be restarted.
  void set_alive(bool alive) { alive_.store(alive, std::memory_order_relaxed); }

  bool ready() const { return alive() && !draining() && ready_.load(std::memory_order_relaxed); }
  bool draining() const { return draining_.load(std::memory_order_relaxed); }
  bool alive() const { return alive_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> ready_{false};
  std::atomic<bool> draining_{false};
  std::atomic<bool> alive_{true};
};

}  // namespace finack::admin
