#pragma once
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "finack/base/fd.h"
#include "sinks/line_thread.h"

namespace finack::sinks {

/// Lines of an application from its loop threads, which never wait: each has a lane of its own, and
/// one thread writes them all. Where nobody reads, further lines are dropped, counted and told
/// later. Order: a thread's lines in theirs; between threads none.
class Log {
 public:
  explicit Log(Fd fd, std::size_t lane_bytes = 1024 * 1024);

  /// Adds one line, given without its end. Any thread; allocates only the first time on it.
  void write(std::string_view line);
  /// Waits until all lines written before are out or given up; false: not within `most`.
  bool settle(Nanos most) { return thread_.settle(most); }
  std::uint64_t dropped() const { return thread_.dropped(); }

 private:
  LineLane& lane_of_this_thread();

  const std::uint64_t serial_;  ///< Of all logs of the process; addresses come again.
  LineThread thread_;
  std::mutex mutex_;
  std::vector<std::pair<std::thread::id, LineLane*>> lanes_;
};

}  // namespace finack::sinks
