#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "finack/base/clock.h"

namespace finack::server {

class Worker;

/// Names the route that keeps a loop from turning for longer than a limit: a thread looks at every
/// worker a few times per limit, and asks the loop to record finding.loop_blocked when it comes
/// back. While it is still blocked, a line on standard error says so.
class Watchdog {
 public:
  Watchdog(std::vector<Worker*> workers, Nanos limit);
  ~Watchdog();
  void start();
  void stop();

 private:
  struct Seen {
    std::uint64_t turns = 0;
    Instant since{};
    bool reported = false;
  };
  void run();
  void look(Worker& worker, Seen& seen, Instant now);

  std::vector<Worker*> workers_;
  std::vector<Seen> seen_;
  Nanos limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace finack::server
