#pragma once
#include <string>
#include <vector>

#include "e2e/matrix/case.h"

namespace finack::matrix {

struct Outcome {
  enum class Kind { passed, failed, skipped };
  Kind kind = Kind::passed;
  std::vector<std::string> lines;  ///< Differences, or why it was skipped.
  double seconds = 0;
};

struct RunOptions {
  std::string server;     ///< Path of the finack command.
  std::string backend;    ///< "epoll" or "io_uring"
  std::string directory;  ///< A fresh directory of this run's own.
};

/// Starts a server, performs the case's act against it, waits for its records, stops it, and
/// compares everything. At most 20 s. Any thread; several cases may run at once.
Outcome run_case(const Case& what, const RunOptions& options);

}  // namespace finack::matrix
