#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "finack/base/clock.h"

namespace finack::client {

/// Whether a server gets requests, and if not, who says so.
enum class Availability : std::uint8_t {
  up,
  down,     ///< Active checks fail.
  ejected,  ///< Its requests failed (outlier ejection).
  drained   ///< An operator took it out; what runs may finish.
};
std::string_view name(Availability availability);

struct HealthRules {
  // Active checks.
  std::uint32_t fall = 3;  ///< Failed checks in a row before it is down.
  std::uint32_t rise = 2;  ///< Passed checks in a row before it is up again.
  bool starts_up = true;   ///< Before the first check.
  // Outlier ejection, by what requests met.
  std::uint32_t eject_after = 5;                 ///< Failures in a row; 0: never.
  Nanos eject_for = std::chrono::seconds(10);    ///< Times the number of ejections so far,
  Nanos eject_most = std::chrono::seconds(300);  ///< up to this.
  std::uint32_t eject_percent = 50;  ///< At most this share of a cluster's servers at a time; one
                                     ///< server may always be ejected unless it is the only one.
  Nanos slow_start{0};  ///< A server that comes back gets its share gradually over this time.
};

/// How many servers of a cluster are ejected, over all workers. Any thread.
class EjectionQuota {
 public:
  EjectionQuota(std::uint32_t servers, std::uint32_t percent);
  /// Takes a place up to `until`, when it falls free by itself; false: none is left at `now`.
  bool try_take(Instant now, Instant until);
  void give_back(Instant until);
  /// So many are there from now on; who is ejected stays so.
  void set_servers(std::uint32_t servers);
  std::uint32_t ejected(Instant now);
  std::uint32_t most() const { return most_.load(std::memory_order_relaxed); }

 private:
  const std::uint32_t percent_;
  std::atomic<std::uint32_t> most_;
  std::mutex mutex_;
  std::vector<Instant> until_;  ///< One a taken place.
};

/// The health of one server, from active checks, from what requests met, and from the operator.
/// Shared by all workers; any thread. On the request path available() and succeeded() read an
/// atomic or two and write nothing while all is well.
class ServerHealth {
 public:
  /// `quota` is the cluster's and outlives this.
  ServerHealth(const HealthRules& rules, EjectionQuota& quota);
  ~ServerHealth() { end_ejection(); }
  ServerHealth(const ServerHealth&) = delete;
  ServerHealth& operator=(const ServerHealth&) = delete;

  bool available(Instant now) const;
  Availability availability(Instant now) const;
  /// What share of its weight a server gets that came back lately: 0.1 to 1.
  double warmth(Instant now) const;

  // Active checks; true: its availability changed.
  bool check_passed(Instant now);
  bool check_failed(Instant now);

  // What requests met.
  void succeeded() {
    if (failures_.load(std::memory_order_relaxed) != 0)
      failures_.store(0, std::memory_order_relaxed);
    clear_doubt();
  }
  /// It answers; whether the whole response comes is not known yet.
  void answered() { clear_doubt(); }
  /// True: this failure ejected it.
  bool failed(Instant now);

  /// Doubt: its last request failed, and it has answered none since. While others are up they are
  /// asked first, so that a server that falls silent does not take requests until it is ejected.
  bool doubted() const { return doubted_since_.load(std::memory_order_relaxed) != 0; }
  /// Whether a request should go elsewhere: after eject_for one that may be repeated tries again,
  /// after twice that any.
  bool avoided(Instant now, bool repeatable) const;
  /// One tries again; others wait as long again.
  void tried_again(Instant now);
  /// It joins servers that are at work already: it gets its share gradually, as if it came back.
  void joined(Instant now);

  // The operator.
  /// False: the quota does not allow it.
  bool eject(Instant now);
  void restore(Instant now);
  void set_drained(bool drained, Instant now);
  std::uint32_t ejections() const { return ejections_.load(std::memory_order_relaxed); }

 private:
  bool eject_locked(Instant now);
  void end_ejection();
  void clear_doubt() {
    if (doubted()) doubted_since_.store(0, std::memory_order_relaxed);
  }
  void came_back(Instant now);

  const HealthRules rules_;
  EjectionQuota& quota_;
  std::atomic<bool> down_;
  std::atomic<bool> drained_{false};
  std::atomic<Nanos::rep> ejected_until_{0};  ///< 0: not ejected.
  std::atomic<Nanos::rep> back_since_{0};     ///< 0: warm.
  std::atomic<std::uint32_t> failures_{0};    ///< In a row.
  std::atomic<Nanos::rep> doubted_since_{0};  ///< 0: not doubted.
  std::atomic<std::uint32_t> ejections_{0};
  std::mutex mutex_;                   ///< Held for all changes but failures_ and doubted_since_.
  std::uint32_t checks_in_a_row_ = 0;  ///< Of the kind that speaks against down_.
};

}  // namespace finack::client
