#include "server/watchdog.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/stderr_line.h"
#include "server/worker.h"

namespace finack::server {

Watchdog::Watchdog(std::vector<Worker*> workers, Nanos limit)
    : workers_(std::move(workers)), seen_(workers_.size()), limit_(limit) {}

Watchdog::~Watchdog() { stop(); }

void Watchdog::start() {
  if (limit_ > Nanos{0}) thread_ = std::thread([this] { run(); });
}

void Watchdog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::run() {
  const Nanos period = std::max<Nanos>(limit_ / 4, std::chrono::milliseconds(5));
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, period, [this] { return stop_; })) {
    const Instant now = system_clock().now();
    for (std::size_t i = 0; i < workers_.size(); ++i) look(*workers_[i], seen_[i], now);
  }
}

/// A loop that turns, or that runs no handler, is well. One that has run a handler of the same turn
/// for longer than the limit is reported once.
void Watchdog::look(Worker& worker, Seen& seen, Instant now) {
  const http::RouteLabel* route = worker.running_route();
  const std::uint64_t turns = worker.turns();
  if (route == nullptr || turns != seen.turns || seen.since == Instant{}) {
    seen = {turns, now, false};
    return;
  }
  const Nanos blocked = now - seen.since;
  if (seen.reported || blocked < limit_) return;
  seen.reported = true;
  worker.post([&worker, route, since = seen.since] { worker.note_blocked(*route, since); });
  write_stderr_line(fmt::format(
      "finack: worker {} is blocked by a handler of {} for more than {} ms", worker.index(),
      route->pattern, std::chrono::duration_cast<Millis>(blocked).count()));
}

}  // namespace finack::server
