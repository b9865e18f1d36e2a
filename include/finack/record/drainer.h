#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "finack/base/clock.h"
#include "finack/record/ring.h"

namespace finack::record {

/// One thread that reads all rings and calls all sinks; the only caller of sinks. Sleeps until a
/// ring is a quarter full or `bound` has passed. Order: a worker's records in the order they were
/// written; between workers none.
class Drainer {
 public:
  struct Options {
    std::vector<Ring*> rings;      ///< Outlive the drainer.
    std::vector<Sink*> sinks;      ///< Outlive the drainer; called in this order.
    const Clock* clock = nullptr;  ///< nullptr: system_clock(). For Sink::flush only.
    Nanos bound = std::chrono::milliseconds(50);
  };
  explicit Drainer(Options options);
  /// Stops. No worker may publish any more.
  ~Drainer();
  Drainer(const Drainer&) = delete;
  Drainer& operator=(const Drainer&) = delete;

  void start();
  /// Drains what was published until the rings are empty, flushes the sinks, ends the thread. Waits
  /// for a sink without room. Call it after the workers have published for the last time: a later
  /// writer with Overflow::block drops instead of waiting. A second call does nothing.
  void stop();
  /// From here on no writer waits, also where a sink has no room: its records are dropped and
  /// counted. Any thread.
  void release_writers();
  /// Asks the sinks to reopen their files, on the drainer's thread; async-signal-safe.
  void request_reopen();
  /// Wakes the thread before its time; async-signal-safe.
  void wake();
  /// One turn on the caller's thread: rings, drops, reopen, flush. Not while started. Returns the
  /// records handed on.
  std::size_t turn();

 private:
  void run();
  bool drained() const;

  Options options_;
  Doorbell bell_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reopen_{false};
};

}  // namespace finack::record
