#include "client/server_health.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace finack::client {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"up", "down", "ejected", "drained"};
/// So that a server that comes back gets something to prove itself with.
constexpr double kColdest = 0.1;

Nanos::rep ticks(Instant at) { return at.time_since_epoch().count(); }

std::uint32_t most_ejected(std::uint32_t servers, std::uint32_t percent) {
  if (servers <= 1 || percent == 0) return 0;
  return std::max<std::uint32_t>(1, servers * percent / 100);
}

}  // namespace

std::string_view name(Availability availability) {
  return kNames[static_cast<std::size_t>(availability)];
}

EjectionQuota::EjectionQuota(std::uint32_t servers, std::uint32_t percent)
    : percent_(percent), most_(most_ejected(servers, percent)) {}

void EjectionQuota::set_servers(std::uint32_t servers) {
  most_.store(most_ejected(servers, percent_), std::memory_order_relaxed);
}

bool EjectionQuota::try_take(Instant now, Instant until) {
  if (ejected(now) >= most()) return false;
  const std::scoped_lock lock(mutex_);
  if (until_.size() >= most()) return false;
  until_.push_back(until);
  return true;
}

void EjectionQuota::give_back(Instant until) {
  const std::scoped_lock lock(mutex_);
  const auto place = std::ranges::find(until_, until);
  if (place != until_.end()) until_.erase(place);
}

std::uint32_t EjectionQuota::ejected(Instant now) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(until_, [now](Instant until) { return until <= now; });
  return static_cast<std::uint32_t>(until_.size());
}

ServerHealth::ServerHealth(const HealthRules& rules, EjectionQuota& quota)
    : rules_(rules), quota_(quota), down_(!rules.starts_up) {}

bool ServerHealth::available(Instant now) const {
  if (down_.load(std::memory_order_relaxed) || drained_.load(std::memory_order_relaxed))
    return false;
  const Nanos::rep until = ejected_until_.load(std::memory_order_relaxed);
  return until == 0 || ticks(now) >= until;
}

Availability ServerHealth::availability(Instant now) const {
  if (drained_.load(std::memory_order_relaxed)) return Availability::drained;
  if (down_.load(std::memory_order_relaxed)) return Availability::down;
  return available(now) ? Availability::up : Availability::ejected;
}

double ServerHealth::warmth(Instant now) const {
  Nanos::rep since = back_since_.load(std::memory_order_relaxed);
  // An ejection ends by itself: nobody is called then.
  since = std::max(since, ejected_until_.load(std::memory_order_relaxed));
  if (since == 0 || rules_.slow_start <= Nanos(0)) return 1;
  const double share =
      static_cast<double>(ticks(now) - since) / static_cast<double>(rules_.slow_start.count());
  return std::clamp(share, kColdest, 1.0);
}

bool ServerHealth::check_passed(Instant now) {
  const std::scoped_lock lock(mutex_);
  clear_doubt();
  if (!down_.load(std::memory_order_relaxed)) {
    checks_in_a_row_ = 0;
    return false;
  }
  if (++checks_in_a_row_ < rules_.rise) return false;
  checks_in_a_row_ = 0;
  down_.store(false, std::memory_order_relaxed);
  came_back(now);
  return true;
}

bool ServerHealth::check_failed(Instant) {
  const std::scoped_lock lock(mutex_);
  if (down_.load(std::memory_order_relaxed)) {
    checks_in_a_row_ = 0;
    return false;
  }
  if (++checks_in_a_row_ < rules_.fall) return false;
  checks_in_a_row_ = 0;
  down_.store(true, std::memory_order_relaxed);
  return true;
}

bool ServerHealth::avoided(Instant now, bool repeatable) const {
  const Nanos::rep since = doubted_since_.load(std::memory_order_relaxed);
  if (since == 0) return false;
  return ticks(now) - since < rules_.eject_for.count() * (repeatable ? 1 : 2);
}

void ServerHealth::tried_again(Instant now) {
  if (doubted()) doubted_since_.store(ticks(now), std::memory_order_relaxed);
}

bool ServerHealth::failed(Instant now) {
  doubted_since_.store(ticks(now), std::memory_order_relaxed);
  const std::uint32_t in_a_row = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (rules_.eject_after == 0 || in_a_row < rules_.eject_after) return false;
  const std::scoped_lock lock(mutex_);
  if (!available(now)) return false;
  failures_.store(0, std::memory_order_relaxed);
  return eject_locked(now);
}

bool ServerHealth::eject(Instant now) {
  const std::scoped_lock lock(mutex_);
  return eject_locked(now);
}

bool ServerHealth::eject_locked(Instant now) {
  const auto times = static_cast<Nanos::rep>(ejections()) + 1;
  const Nanos wait =
      rules_.eject_for > rules_.eject_most / times ? rules_.eject_most : rules_.eject_for * times;
  end_ejection();
  if (!quota_.try_take(now, now + wait)) return false;
  ejections_.fetch_add(1, std::memory_order_relaxed);
  ejected_until_.store(ticks(now + wait), std::memory_order_relaxed);
  return true;
}

void ServerHealth::end_ejection() {
  const Nanos::rep until = ejected_until_.exchange(0, std::memory_order_relaxed);
  if (until != 0) quota_.give_back(Instant(Nanos(until)));
}

void ServerHealth::restore(Instant now) {
  const std::scoped_lock lock(mutex_);
  end_ejection();
  failures_.store(0, std::memory_order_relaxed);
  clear_doubt();
  came_back(now);
}

void ServerHealth::joined(Instant now) {
  const std::scoped_lock lock(mutex_);
  came_back(now);
}

void ServerHealth::set_drained(bool drained, Instant now) {
  const std::scoped_lock lock(mutex_);
  if (drained_.exchange(drained, std::memory_order_relaxed) && !drained) came_back(now);
}

void ServerHealth::came_back(Instant now) {
  back_since_.store(ticks(now), std::memory_order_relaxed);
}

}  // namespace finack::client
