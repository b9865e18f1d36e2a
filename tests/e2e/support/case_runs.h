#pragma once
#include <functional>
#include <string>
#include <vector>

namespace finack::e2e {

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

/// One case of a matrix, ready to be run any number of times, on any thread.
struct NamedRun {
  std::string name;
  std::vector<std::string> about;  ///< Lines for --list.
  std::function<Outcome(const RunOptions&)> run;
};

/// Performs `body` on a thread of its own (a network namespace is entered for good, and a server
/// dies with the thread that started it) and takes the time. What it throws becomes the outcome.
Outcome outcome_of(const std::function<void(Outcome&)>& body);

/// The main function of a matrix: reads its arguments, runs the cases that they choose, prints a
/// line for each. `gaps`: what check_coverage found; any of them fails the run.
int run_matrix(int count, char** arguments, const std::vector<NamedRun>& cases,
               const std::vector<std::string>& gaps);

}  // namespace finack::e2e
