#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "finack/base/clock.h"

namespace finack::client {

/// A setting of our own idle limit as a time: 0 is none, which is longer than any connection lasts,
/// and short enough to be added to the clock and doubled.
inline constexpr Nanos kNoIdleLimit = std::chrono::hours(24 * 365 * 100);
constexpr Nanos idle_limit(Nanos setting) { return setting == Nanos(0) ? kNoIdleLimit : setting; }

/// What is known of how long one server keeps an idle connection. nullopt: nothing, no limit.
struct KeepAliveFacts {
  std::optional<Nanos> advertised;  ///< Its last `Keep-Alive: timeout=`.
  std::optional<Nanos> observed;    ///< Below its recent idle closes, strays left out.
  std::optional<Nanos> used;        ///< What the pool goes by: the least of both and our own limit.
  std::uint32_t closes = 0;         ///< Idle closes in the window that `observed` is of.
};

/// Learns one server's idle limit, so that the pool lets go of a connection before the server does.
///
/// The server's own word (`Keep-Alive: timeout=`) and the ages at which it closed idle connections
/// count, whichever is shorter. Ages are kept in a window, so that a server that was given another
/// limit is followed both ways; for a longer limit to be seen at all, the pool leaves a few
/// connections open past the limit without using them (witnesses) and reports how old they became.
/// Closes that come in one burst at very different ages are a restart and not a limit: only the
/// oldest counts.
///
/// Observations are rare and take a lock; limit() may be read on every checkout. Any thread.
class LearnedKeepAlive {
 public:
  static constexpr std::size_t kWindow = 32;

  /// `own_limit`: the pool's own idle limit, used as long as nothing shorter is known; 0: none.
  explicit LearnedKeepAlive(Nanos own_limit)
      : own_limit_(idle_limit(own_limit)), limit_(own_limit_.count()) {}

  /// The server sent `Keep-Alive: timeout=`.
  void advertised(Nanos timeout);
  /// The server ended a connection that had been idle for `age`; `at` tells bursts.
  void closed_idle(Nanos age, Instant at);
  /// A witness was still open at `age` when the pool gave it up.
  void outlived(Nanos age);

  /// The idle age at which the server has to be expected to close.
  Nanos limit() const { return Nanos(limit_.load(std::memory_order_relaxed)); }
  /// Up to which idle age a connection may be given a request: a close that crosses the request is
  /// seen within a round trip, and timers of servers are coarse. 0: never reuse.
  Nanos safe_age(Nanos rtt) const;
  KeepAliveFacts facts() const;

 private:
  void push(Nanos age);
  std::optional<Nanos> lowest() const;
  void settle();

  const Nanos own_limit_;
  mutable std::mutex mutex_;
  std::array<Nanos, kWindow> ages_{};
  std::size_t count_ = 0;  ///< Of ages_, up to kWindow.
  std::size_t next_ = 0;
  std::optional<Nanos> advertised_;
  std::atomic<Nanos::rep> last_advertised_{-1};  ///< Looked at before the lock is taken.
  Instant burst_at_{};
  Nanos burst_low_{0};
  Nanos burst_high_{0};
  std::atomic<Nanos::rep> limit_;
};

}  // namespace finack::client
