#include "drill/load.h"

namespace finack::bench {

namespace {
constexpr std::int64_t kMillisecond = 1'000'000;
}

Rhythm::Rhythm(const LoadOptions& options, std::int64_t now)
    : options_(options), random_(options.first_id), next_wave_(now + 100 * kMillisecond) {}

std::int64_t Rhythm::between(std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
}

/// Half of the gaps end within 3 ms of the idle limit, a quarter within 50 ms; the rest are
/// shorter.
std::int64_t Rhythm::draw_gap() {
  const std::uint64_t dice = random_() % 4;
  if (dice < 2) {
    return options_.around + between(-3 * kMillisecond, 3 * kMillisecond);
  }
  if (dice == 2) return options_.around + between(-50 * kMillisecond, 50 * kMillisecond);
  return between(options_.around / 10, options_.around * 9 / 10);
}

std::int64_t Rhythm::next(std::int64_t now) {
  if (options_.around == 0) {
    return now + between(options_.pace / 2, options_.pace * 3 / 2);
  }
  // The first answer of a wave says when the next wave begins.
  if (now >= next_wave_) next_wave_ = now + draw_gap();
  return next_wave_ + between(0, 2 * kMillisecond);
}

}  // namespace finack::bench
