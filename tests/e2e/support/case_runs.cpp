#include "e2e/support/case_runs.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>

#include "e2e/support/scene.h"

namespace finack::e2e {
namespace {

constexpr const char* kUsage =
    "Usage: --server PATH [--backend epoll|io_uring|both] [--repeat N] [--jobs J]\n"
    "       [--filter SUBSTR | --only NAME] [--keep] [--list]\n"
    "Performs every ending that peers can bring about against real servers, and compares what\n"
    "they record with what must be recorded. --keep keeps records and standard error.\n";

struct Options {
  std::string server;
  std::vector<std::string> backends = {"epoll", "io_uring"};
  int repeat = 1;
  int jobs = 8;
  std::string filter;
  std::string only;
  bool list = false;
  bool keep = false;
};

bool number(const char* text, int& out) {
  const char* end = text + std::strlen(text);
  return std::from_chars(text, end, out).ptr == end && out > 0;
}

bool parse(int count, char** arguments, Options& out) {
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--list") {
      out.list = true;
    } else if (name == "--keep") {
      out.keep = true;
    } else if (i + 1 == count) {
      return false;
    } else if (const char* value = arguments[++i]; name == "--server") {
      out.server = value;
    } else if (name == "--filter") {
      out.filter = value;
    } else if (name == "--only") {
      out.only = value;
    } else if (name == "--repeat") {
      if (!number(value, out.repeat)) return false;
    } else if (name == "--jobs") {
      if (!number(value, out.jobs)) return false;
    } else if (name == "--backend" && std::strcmp(value, "both") != 0) {
      out.backends = {value};
    } else if (name != "--backend") {
      return false;
    }
  }
  return out.list || !out.server.empty();
}

struct Job {
  const NamedRun* what;
  std::string backend;
  int round;
};

/// Hands out jobs to threads and prints one line for each.
class Run {
 public:
  Run(const Options& options, std::vector<Job> jobs, std::string directory)
      : options_(options), jobs_(std::move(jobs)), directory_(std::move(directory)) {}

  void work() {
    for (std::size_t i = 0; (i = next_.fetch_add(1)) < jobs_.size();) {
      const Job& job = jobs_[i];
      RunOptions run{options_.server, job.backend, fmt::format("{}/{}", directory_, i)};
      std::filesystem::create_directory(run.directory);
      const Outcome outcome = job.what->run(run);
      const bool keep = options_.keep || outcome.kind == Outcome::Kind::failed;
      if (!keep) std::filesystem::remove_all(run.directory);
      report(job, outcome, keep ? run.directory : "");
    }
  }

  int passed = 0;
  int failed = 0;
  int skipped = 0;

 private:
  void report(const Job& job, const Outcome& outcome, const std::string& directory) {
    const std::lock_guard lock(mutex_);
    const char* word = "ok  ";
    if (outcome.kind == Outcome::Kind::failed) word = "FAIL";
    if (outcome.kind == Outcome::Kind::skipped) word = "SKIP";
    fmt::print("{} {:8} {:<44} {:5.1f} s\n", word, job.backend, job.what->name, outcome.seconds);
    for (const std::string& line : outcome.lines) fmt::print("{}\n", line);
    if (!directory.empty()) fmt::print("    kept: {}\n", directory);
    std::fflush(stdout);
    ++(outcome.kind == Outcome::Kind::passed   ? passed
       : outcome.kind == Outcome::Kind::failed ? failed
                                               : skipped);
  }

  const Options& options_;
  std::vector<Job> jobs_;
  std::string directory_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
};

std::vector<Job> make_jobs(const Options& options, const std::vector<NamedRun>& cases) {
  std::vector<Job> jobs;
  for (int round = 0; round < options.repeat; ++round) {
    for (const NamedRun& each : cases) {
      if (each.name.find(options.filter) == std::string::npos) continue;
      if (!options.only.empty() && each.name != options.only) continue;
      for (const std::string& backend : options.backends) jobs.push_back({&each, backend, round});
    }
  }
  return jobs;
}

int run_all(const Options& options, const std::vector<NamedRun>& cases) {
  std::string pattern = (std::filesystem::temp_directory_path() / "finack-matrix-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    fmt::print(stderr, "cannot make a directory {}: {}\n", pattern, std::strerror(errno));
    return 2;
  }
  Run all(options, make_jobs(options, cases), pattern);
  std::vector<std::thread> threads;
  for (int i = 0; i < options.jobs; ++i) threads.emplace_back([&all] { all.work(); });
  for (std::thread& thread : threads) thread.join();
  if (all.failed == 0 && !options.keep) std::filesystem::remove_all(pattern);
  if (all.skipped > 0)
    fmt::print("SKIPPED {} run(s): this machine does not allow them\n", all.skipped);
  fmt::print("{} passed, {} failed\n", all.passed, all.failed);
  return all.failed == 0 && all.passed > 0 ? 0 : 1;
}

void list(const std::vector<NamedRun>& cases) {
  for (const NamedRun& each : cases) {
    fmt::print("{}\n", each.name);
    for (const std::string& line : each.about) fmt::print("    {}\n", line);
  }
}

void guarded(const std::function<void(Outcome&)>& body, Outcome& outcome) {
  try {
    body(outcome);
    if (!outcome.lines.empty()) outcome.kind = Outcome::Kind::failed;
  } catch (const Skipped& skipped) {
    outcome.kind = Outcome::Kind::skipped;
    outcome.lines = {fmt::format("    {}", skipped.what())};
  } catch (const std::exception& error) {
    outcome.kind = Outcome::Kind::failed;
    outcome.lines.push_back(fmt::format("    {}", error.what()));
  }
}

}  // namespace

Outcome outcome_of(const std::function<void(Outcome&)>& body) {
  Outcome outcome;
  const auto start = SteadyClock::now();
  std::thread([&] { guarded(body, outcome); }).join();
  outcome.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  return outcome;
}

int run_matrix(int count, char** arguments, const std::vector<NamedRun>& cases,
               const std::vector<std::string>& gaps) {
  Options options;
  if (!parse(count, arguments, options)) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  for (const std::string& gap : gaps) fmt::print(stderr, "coverage: {}\n", gap);
  if (options.list) {
    list(cases);
  } else if (const int status = run_all(options, cases); status != 0) {
    return status;
  }
  return gaps.empty() ? 0 : 1;
}

}  // namespace finack::e2e
