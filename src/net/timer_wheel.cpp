#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace finack::net {
namespace {

void make_empty(TimerLink& list) { list.next = list.prev = &list; }
bool is_empty(const TimerLink& list) { return list.next == &list; }

void append(TimerLink& list, TimerLink& node) {
  node.prev = list.prev;
  node.next = &list;
  list.prev->next = &node;
  list.prev = &node;
}

/// Moves all of `from` into `to`, which must be empty.
void move_all(TimerLink& from, TimerLink& to) {
  make_empty(to);
  if (is_empty(from)) return;
  to = from;
  to.next->prev = to.prev->next = &to;
  make_empty(from);
}

void clear(TimerLink& list) {
  while (!is_empty(list)) list.next->unlink();
  list.next = list.prev = nullptr;
}

}  // namespace

TimerWheel::TimerWheel(Instant start) : start_(start), quiet_until_(start) {
  make_empty(overdue_);
  for (Level& level : levels_) std::ranges::for_each(level.slots, make_empty);
}

TimerWheel::~TimerWheel() {
  clear(overdue_);
  for (Level& level : levels_) std::ranges::for_each(level.slots, clear);
}

std::uint64_t TimerWheel::floor_tick(Instant at) const {
  return at <= start_ ? 0 : static_cast<std::uint64_t>((at - start_) / kTick);
}

std::uint64_t TimerWheel::ceil_tick(Instant at) const {
  if (at <= start_) return 0;
  const auto since = static_cast<std::uint64_t>((at - start_).count());
  constexpr auto kTickNanos = static_cast<std::uint64_t>(kTick.count());
  return (since + (kTickNanos - 1)) / kTickNanos;  // cannot overflow: since is at most 2^63
}

void TimerWheel::arm(Timer& timer, Instant deadline) {
  const std::uint64_t tick = std::min(ceil_tick(deadline), horizon_ + kMaxTicks);
  timer.deadline_ = static_cast<std::uint32_t>(tick);
  // Filed no later than the new deadline: the wheel meets it in time and files it again.
  if (timer.armed()) return;
  timer.unlink();
  file(timer, tick);
}

void TimerWheel::file(Timer& timer, std::uint64_t tick) {
  timer.filed_ = static_cast<std::uint32_t>(tick);
  if (tick <= horizon_) {
    append(overdue_, timer);
    if (horizon_ < next_) set_next(horizon_);
    return;
  }
  std::size_t level = 0;
  while ((tick >> (8 * level)) - (current_ >> (8 * level)) >= kSlots) ++level;
  const std::uint64_t index = tick >> (8 * level);
  const std::size_t slot = index % kSlots;
  append(levels_[level].slots[slot], timer);
  levels_[level].used[slot / 64] |= std::uint64_t{1} << (slot % 64);
  if (const std::uint64_t look = index << (8 * level); look < next_) set_next(look);
}

void TimerWheel::set_next(std::uint64_t tick) {
  next_ = tick;
  next_due_ = tick == kNever ? Instant::max() : time_of(tick);
  quiet_until_ = std::min(next_due_, time_of(current_ + kLag));
}

void TimerWheel::catch_up(Instant now) {
  const std::uint64_t target = std::max(floor_tick(now), current_);
  if (target < next_) {
    current_ = horizon_ = target;
    return set_next(next_);
  }
  horizon_ = target;
  TimerLink due;
  move_all(overdue_, due);
  refile_or_fire(due, true);
  while (true) {
    const std::uint64_t tick = find_next();
    if (tick > target) break;
    process(tick);
  }
  current_ = target;
  set_next(is_empty(overdue_) ? find_next() : target);
}

void TimerWheel::process(std::uint64_t tick) {
  current_ = tick;
  for (std::size_t level = kLevels; level-- > 0;) {
    const std::uint64_t width = std::uint64_t{1} << (8 * level);
    if (tick % width != 0) continue;
    const std::size_t slot = (tick / width) % kSlots;
    levels_[level].used[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    TimerLink list;
    move_all(levels_[level].slots[slot], list);
    refile_or_fire(list, false);
  }
}

/// Empties `list`: what is due now (or anything overdue, with `fire`) fires, the rest is filed
/// again.
void TimerWheel::refile_or_fire(TimerLink& list, bool fire) {
  const std::uint64_t now = fire ? horizon_ : current_;
  while (!is_empty(list)) {
    auto& timer = static_cast<Timer&>(*list.next);
    const bool armed = timer.armed();
    timer.unlink();
    if (!armed) continue;
    const auto left = static_cast<std::int32_t>(timer.deadline_ - static_cast<std::uint32_t>(now));
    if (left <= 0) {
      timer.on_timer();
    } else if (const std::uint64_t tick = now + static_cast<std::uint32_t>(left); fire) {
      file(timer, tick);
    } else {
      // Not past horizon_ is no reason to be late: it still fires in this advance.
      const std::uint64_t horizon = std::exchange(horizon_, current_);
      file(timer, tick);
      horizon_ = horizon;
    }
  }
}

std::uint64_t TimerWheel::find_next() {
  std::uint64_t next = kNever;
  for (std::size_t level = 0; level < kLevels; ++level) next = std::min(next, find_next(level));
  return next;
}

/// The first tick after current_ at which a slot of `level` must be looked at.
std::uint64_t TimerWheel::find_next(std::size_t level) {
  Level& wheel = levels_[level];
  const std::uint64_t base = current_ >> (8 * level);
  for (std::uint64_t ahead = 1; ahead < kSlots;) {
    const std::size_t slot = (base + ahead) % kSlots;
    std::uint64_t& word = wheel.used[slot / 64];
    const std::uint64_t rest = word >> (slot % 64);
    if (rest == 0) {
      ahead += 64 - slot % 64;
      continue;
    }
    const auto skip = static_cast<std::uint64_t>(std::countr_zero(rest));
    ahead += skip;
    if (ahead >= kSlots) break;
    if (!is_empty(wheel.slots[slot + skip])) return (base + ahead) << (8 * level);
    word &= ~(std::uint64_t{1} << (slot % 64 + skip));
    ++ahead;
  }
  return kNever;
}

}  // namespace finack::net
