#include "client/learned_keepalive.h"

#include <algorithm>
#include <span>

namespace finack::client {
namespace {

using std::chrono::milliseconds;

/// Closes nearer to each other than this are one event.
constexpr Nanos kBurst = milliseconds(50);
/// What servers' timers are late or early by, on top of the round trips.
constexpr Nanos kTimerSlack = milliseconds(100);
/// Below this many observations none is called a stray: too few to tell.
constexpr std::size_t kEnoughForStrays = 8;

}  // namespace

void LearnedKeepAlive::advertised(Nanos timeout) {
  // Each response may say it, and nearly always the same.
  if (last_advertised_.load(std::memory_order_relaxed) == timeout.count()) return;
  const std::scoped_lock lock(mutex_);
  last_advertised_.store(timeout.count(), std::memory_order_relaxed);
  advertised_ = timeout;
  settle();
}

void LearnedKeepAlive::closed_idle(Nanos age, Instant at) {
  const std::scoped_lock lock(mutex_);
  const bool same_burst = count_ > 0 && burst_at_ != Instant{} && at - burst_at_ < kBurst;
  burst_at_ = at;
  if (same_burst) {
    burst_low_ = std::min(burst_low_, age);
    burst_high_ = std::max(burst_high_, age);
    const std::size_t last = (next_ + kWindow - 1) % kWindow;
    ages_[last] = burst_high_ > 2 * burst_low_ ? burst_high_ : burst_low_;
  } else {
    burst_low_ = burst_high_ = age;
    push(age);
  }
  settle();
}

void LearnedKeepAlive::outlived(Nanos age) {
  const std::scoped_lock lock(mutex_);
  burst_at_ = {};
  push(age);
  settle();
}

void LearnedKeepAlive::push(Nanos age) {
  ages_[next_] = age;
  next_ = (next_ + 1) % kWindow;
  count_ = std::min(count_ + 1, kWindow);
}

std::optional<Nanos> LearnedKeepAlive::lowest() const {
  if (count_ == 0) return std::nullopt;
  std::array<Nanos, kWindow> sorted = ages_;
  const std::span ages(sorted.data(), count_);
  std::ranges::sort(ages);
  if (count_ < kEnoughForStrays) return ages.front();
  // A crash or an operator's kill is no limit; a second limit shows more often than one in eight.
  const Nanos median = ages[count_ / 2];
  const auto strays = static_cast<std::size_t>(
      std::ranges::count_if(ages, [&](Nanos age) { return age < median / 2; }));
  const Nanos shortest = strays <= count_ / 8 ? ages[strays] : ages.front();
  // A jittering limit goes below the least of a few draws. Of n even draws over a range, none comes
  // from its lowest 6/n in one case of 400; the range is about twice from the least to the median,
  // and a third more as that is a guess, too. Nothing is lost where the limit does not jitter.
  const auto draws = static_cast<Nanos::rep>(count_);
  return shortest - std::min(16 * (median - shortest) / draws, shortest / 10);
}

void LearnedKeepAlive::settle() {
  Nanos limit = own_limit_;
  if (advertised_) limit = std::min(limit, *advertised_);
  if (const auto observed = lowest()) limit = std::min(limit, *observed);
  limit_.store(limit.count(), std::memory_order_relaxed);
}

Nanos LearnedKeepAlive::safe_age(Nanos rtt) const {
  return std::max(Nanos(0), limit() - 2 * rtt - kTimerSlack);
}

KeepAliveFacts LearnedKeepAlive::facts() const {
  const std::scoped_lock lock(mutex_);
  const Nanos used = limit();
  return {.advertised = advertised_,
          .observed = lowest(),
          .used = used == kNoIdleLimit ? std::nullopt : std::optional(used),
          .closes = static_cast<std::uint32_t>(count_)};
}

}  // namespace finack::client
