#pragma once
#include <cstdint>

namespace finack::sinks {

/// What the kernel says of this process; a number it does not tell stays 0.
struct ProcessFacts {
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;  ///< The soft limit (RLIMIT_NOFILE).
  std::uint64_t resident_bytes = 0;
  double cpu_seconds = 0;    ///< User and system, all threads.
  double start_seconds = 0;  ///< Unix time of the start.
};
ProcessFacts read_process_facts();

}  // namespace finack::sinks
