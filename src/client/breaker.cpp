#include "client/breaker.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace finack::client {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"closed", "open", "half_open"};
constexpr std::uint32_t kMostDoublings = 4;

}  // namespace

std::string_view name(BreakerState state) { return kNames[static_cast<std::size_t>(state)]; }

Breaker::Admit Breaker::admit(Instant now) {
  if (state() == BreakerState::closed) {
    if (counts_windows()) window_requests_.fetch_add(1, std::memory_order_relaxed);
    return Admit::yes;
  }
  const std::scoped_lock lock(mutex_);
  if (state() == BreakerState::closed) return Admit::yes;
  if (state() == BreakerState::open) {
    if (now < retry_at_) return Admit::no;
    state_.store(BreakerState::half_open, std::memory_order_relaxed);
    probe_successes_ = 0;
  }
  if (probing_ >= rules_.probes) return Admit::no;
  ++probing_;
  return Admit::probe;
}

void Breaker::succeeded(Admit admitted, Instant) {
  if (admitted == Admit::yes) {
    if (in_a_row_.load(std::memory_order_relaxed) != 0)
      in_a_row_.store(0, std::memory_order_relaxed);
    return;
  }
  const std::scoped_lock lock(mutex_);
  --probing_;
  if (state() == BreakerState::half_open && ++probe_successes_ >= rules_.probe_successes) close();
}

void Breaker::failed(Admit admitted, Instant now) {
  const std::scoped_lock lock(mutex_);
  if (admitted == Admit::probe) {
    --probing_;
    if (state() == BreakerState::half_open) {
      reopened_ = std::min(reopened_ + 1, kMostDoublings);
      open(now);
    }
    return;
  }
  if (state() != BreakerState::closed) return;  // A straggler from before it opened.
  const std::uint32_t in_a_row = in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (rules_.consecutive_failures != 0 && in_a_row >= rules_.consecutive_failures) return open(now);
  if (!counts_windows()) return;
  if (now >= window_end_) start_window(now);
  ++window_failures_;
  const std::uint32_t requests =
      std::max(window_requests_.load(std::memory_order_relaxed), window_failures_);
  if (requests >= rules_.least_requests &&
      std::uint64_t{window_failures_} * 100 >= std::uint64_t{requests} * rules_.failure_percent)
    open(now);
}

void Breaker::forgotten(Admit admitted) {
  if (admitted != Admit::probe) return;
  const std::scoped_lock lock(mutex_);
  --probing_;
}

void Breaker::open(Instant now) {
  retry_at_ = now + rules_.open_for * (1U << reopened_);
  opened_.fetch_add(1, std::memory_order_relaxed);
  in_a_row_.store(0, std::memory_order_relaxed);
  state_.store(BreakerState::open, std::memory_order_relaxed);
}

void Breaker::close() {
  reopened_ = 0;
  window_end_ = {};
  window_requests_.store(0, std::memory_order_relaxed);
  window_failures_ = 0;
  state_.store(BreakerState::closed, std::memory_order_relaxed);
}

void Breaker::start_window(Instant now) {
  // Windows begin with a failure; requests counted before that were all successes of a quiet time
  // and would dilute it.
  window_end_ = now + rules_.window;
  window_failures_ = 0;
  window_requests_.store(1, std::memory_order_relaxed);
}

}  // namespace finack::client
