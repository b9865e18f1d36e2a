#include "gateway/balancer.h"

#include <algorithm>
#include <cmath>

#include "base/unit_draw.h"
#include "gateway/text_hash.h"

namespace finack::gateway {

bool Balancer::Choice::allows(std::size_t place) const {
  return open(place) && !(avoiding && candidates[place].avoided);
}

bool Balancer::Choice::open(std::size_t place) const {
  const Candidate& candidate = candidates[place];
  return candidate.available && candidate.backup == backups && candidate.weight != 0 &&
         std::ranges::find(pick.tried, place) == pick.tried.end();
}

double Balancer::Choice::weight(std::size_t place) const {
  constexpr double kColdest = 0.001;
  return candidates[place].weight * std::clamp(candidates[place].warmth, kColdest, 1.0);
}

Balancer::Balancer(Balance balance, std::span<const RingServer> servers, std::uint32_t load_percent,
                   std::uint64_t seed)
    : balance_(balance),
      load_percent_(load_percent),
      start_(scale_draw(mix(seed), servers.size())),
      turns_(servers.size()),
      has_room_(servers.size()) {
  if (balance == Balance::consistent_hash) ring_ = HashRing(servers);
}

std::optional<std::size_t> Balancer::pick(std::span<const Candidate> candidates, const Pick& pick) {
  Choice choice{candidates, pick};
  choice.backups = std::ranges::none_of(candidates, [](const Candidate& candidate) {
    return candidate.available && !candidate.backup && candidate.weight != 0;
  });
  if (candidates.size() == 1) {
    return choice.allows(0) ? std::optional<std::size_t>(0) : std::nullopt;
  }
  for (std::size_t i = 0; i < candidates.size() && !choice.avoiding; ++i) {
    choice.avoiding = !candidates[i].avoided && choice.open(i);
  }
  switch (balance_) {
    case Balance::round_robin:
      return next_in_turn(choice);
    case Balance::least_requests:
      return least_busy(choice);
    case Balance::p2c_ewma:
      return better_of_two(choice);
    case Balance::consistent_hash:
      return next_on_ring(choice);
  }
  return std::nullopt;
}

// Smooth weighted round robin, as nginx does it: everyone is owed its weight, and who is owed most
// pays for all.
std::optional<std::size_t> Balancer::next_in_turn(const Choice& choice) {
  std::optional<std::size_t> best;
  double total = 0;
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    const std::size_t place = (start_ + i) % choice.candidates.size();
    if (!choice.allows(place)) continue;
    const double weight = choice.weight(place);
    total += weight;
    turns_[place] += weight;
    if (!best || turns_[place] > turns_[*best]) best = place;
  }
  if (best) turns_[*best] -= total;
  return best;
}

std::optional<std::size_t> Balancer::least_busy(const Choice& choice) const {
  std::optional<std::size_t> best;
  double least = 0;
  const std::size_t count = choice.candidates.size();
  const std::size_t start = scale_draw(choice.pick.draw, count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = (start + i) % count;
    if (!choice.allows(place)) continue;
    const double load = (choice.candidates[place].live + 1.0) / choice.weight(place);
    if (best && load >= least) continue;
    best = place;
    least = load;
  }
  return best;
}

std::optional<std::size_t> Balancer::better_of_two(const Choice& choice) const {
  const std::size_t count = choice.candidates.size();
  double total = 0;
  std::size_t allowed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!choice.allows(i)) continue;
    total += choice.weight(i);
    ++allowed;
  }
  if (allowed == 0) return std::nullopt;
  // The place where `at` lies when the weights stand one behind the other, without `taken`.
  const auto drawn = [&](double at, std::optional<std::size_t> taken) {
    std::size_t last = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (i == taken || !choice.allows(i)) continue;
      last = i;
      at -= choice.weight(i);
      if (at < 0) break;
    }
    return last;
  };
  const std::size_t first = drawn(unit_draw(choice.pick.draw) * total, std::nullopt);
  if (allowed == 1) return first;
  const double rest = total - choice.weight(first);
  const std::size_t second = drawn(unit_draw(mix(choice.pick.draw + 1)) * rest, first);

  const double mean = total / static_cast<double>(allowed);
  const auto load = [&](std::size_t place) {
    return 1 + choice.candidates[place].live * mean / choice.weight(place);
  };
  const auto latency = [&](std::size_t place) {
    const PeakEwma* known = choice.candidates[place].latency;
    return known == nullptr ? 0.0 : known->value(choice.pick.now);
  };
  double one = latency(first), other = latency(second);
  if (one <= 0 || other <= 0) one = other = 1;
  return one * load(first) <= other * load(second) * kLikeness ? first : second;
}

std::optional<std::size_t> Balancer::next_on_ring(const Choice& choice) {
  double weights = 0, live = 1;
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    if (!choice.allows(i)) continue;
    weights += choice.weight(i);
    live += choice.candidates[i].live;
  }
  if (weights <= 0) return std::nullopt;
  // At 100 % and more somebody always has room; what is set lower counts as 100.
  const double percent = std::max<double>(load_percent_, 100);
  // A server has many points on the ring, and all of them ask.
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    const double room = std::ceil(live * choice.weight(i) / weights * percent / 100);
    const bool fits = load_percent_ == 0 || choice.candidates[i].live + 1 <= room;
    has_room_[i] = fits && choice.allows(i);
  }
  return ring_.find(choice.pick.key, [this](std::size_t place) { return has_room_[place]; });
}

}  // namespace finack::gateway
