#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace finack::bench {

using Clock = std::chrono::steady_clock;

/// Counts of durations in microseconds, 16 steps for each power of two: within 6 %.
class Histogram {
 public:
  void add(Clock::duration duration, std::uint64_t times = 1);
  /// In microseconds; `fraction` in 0..1.
  double quantile(double fraction) const;
  void clear() { counts_.fill(0); }

 private:
  static constexpr unsigned kSteps = 16;
  std::array<std::uint64_t, 64 * kSteps> counts_{};
};

/// CPU time that all threads of some processes have had, in nanoseconds, from schedstat.
class ProcessCpu {
 public:
  explicit ProcessCpu(std::vector<int> pids) : pids_(std::move(pids)) {}
  std::uint64_t nanoseconds() const;

 private:
  std::vector<int> pids_;
};

struct Options {
  std::string mode = "keepalive";  ///< keepalive, short, idle, bodies or paced
  std::uint16_t port = 8080;
  std::string target = "/ping";
  unsigned connections = 64;
  unsigned depth = 1;          ///< Requests sent at once on a connection.
  double rate = 1000;          ///< Requests a second, when paced.
  double seconds = 2;          ///< The measured window.
  double warmup = 0.3;         ///< Load before it.
  double cooldown = 0.2;       ///< Load after it, so that a rival's window is under load too.
  std::uint64_t requests = 0;  ///< If set: exactly so many, and no times count.
  std::vector<int> pids;       ///< Whose CPU time is counted over the window.
};

/// The window of one run: decides what counts, and says when it is over.
class Window {
 public:
  explicit Window(const Options& options);

  /// To be called once for each wake-up. False when the run is over.
  bool tick(Clock::time_point now);
  /// Nobody waits longer than this for answers after the run.
  bool too_late(Clock::time_point now) const { return now >= over_ + std::chrono::seconds(1); }
  /// How many more requests may be sent of the `wanted` ones.
  unsigned allow(unsigned wanted);
  void answered(Clock::duration latency, unsigned times = 1);
  void failed() { ++errors_; }
  bool counted_all() const { return limit_ > 0 && answered_ + errors_ >= limit_; }
  std::string json(const Options& options) const;

 private:
  enum class Part : std::uint8_t { warmup, measured, cooldown, over };
  void begin(Clock::time_point now);
  void end(Clock::time_point now);

  ProcessCpu cpu_;
  Histogram latency_;
  std::uint64_t limit_;
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t measured_ = 0;
  std::uint64_t cpu_before_ = 0;
  std::uint64_t cpu_spent_ = 0;
  Clock::time_point begin_;
  Clock::time_point end_;
  Clock::time_point over_;
  Clock::duration took_{};
  Part part_ = Part::warmup;
};

}  // namespace finack::bench
