#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "finack/base/clock.h"

namespace finack::client {

enum class BreakerState : std::uint8_t { closed, open, half_open };
std::string_view name(BreakerState state);

struct BreakerRules {
  std::uint32_t consecutive_failures = 0;  ///< Opens after this many in a row; 0: never.
  std::uint32_t failure_percent = 0;  ///< Opens at this share of a window's requests; 0: never.
  std::uint32_t least_requests = 20;  ///< A window with fewer says nothing.
  Nanos window = std::chrono::seconds(10);
  Nanos open_for = std::chrono::seconds(5);  ///< Doubles with each failed probe, up to 16 times.
  std::uint32_t probes = 1;                  ///< Requests let through while half open, at a time.
  std::uint32_t probe_successes = 2;         ///< In a row, to close again.
};

/// A circuit breaker over all workers of the process: while a cluster fails, requests are answered
/// at once (upstream.circuit_open) instead of waiting for the next failure; after `open_for` a few
/// probes decide. Any thread. While closed and nothing fails, admit() and succeeded() write only
/// the window's request count.
class Breaker {
 public:
  explicit Breaker(const BreakerRules& rules) : rules_(rules) {}

  enum class Admit : std::uint8_t { yes, probe, no };
  /// Asks for one request. On `yes` and `probe` exactly one of succeeded(), failed() or
  /// forgotten() must follow.
  Admit admit(Instant now);
  void succeeded(Admit admitted, Instant now);
  void failed(Admit admitted, Instant now);
  /// It ended without saying anything about the upstream (the client left).
  void forgotten(Admit admitted);

  BreakerState state() const { return state_.load(std::memory_order_relaxed); }
  std::uint32_t failures_in_a_row() const { return in_a_row_.load(std::memory_order_relaxed); }
  /// Of the window that runs; counted with a failure_percent only.
  std::uint32_t window_requests() const { return window_requests_.load(std::memory_order_relaxed); }
  /// Times it opened.
  std::uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }

 private:
  void open(Instant now);
  void close();
  void start_window(Instant now);
  bool counts_windows() const { return rules_.failure_percent != 0; }

  const BreakerRules rules_;
  std::atomic<BreakerState> state_{BreakerState::closed};
  std::atomic<std::uint32_t> in_a_row_{0};  ///< Failures.
  std::atomic<std::uint32_t> window_requests_{0};
  std::atomic<std::uint64_t> opened_{0};
  std::mutex mutex_;  ///< Guards what follows.
  Instant window_end_{};
  std::uint32_t window_failures_ = 0;
  Instant retry_at_{};
  std::uint32_t reopened_ = 0;  ///< Failed probes since it last was closed.
  std::uint32_t probing_ = 0;
  std::uint32_t probe_successes_ = 0;
};

}  // namespace finack::client
