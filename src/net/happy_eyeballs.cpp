#include "net/happy_eyeballs.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace finack::net {

std::vector<DialTarget> interleave(std::vector<DialTarget> targets, Address::Family first) {
  std::vector<DialTarget> turns[2];
  std::vector<DialTarget> others;
  for (DialTarget& target : targets) {
    const Address::Family family = target.address.family;
    const bool ip = family == Address::Family::v4 || family == Address::Family::v6;
    (ip ? turns[family == first ? 0 : 1] : others).push_back(std::move(target));
  }
  targets.clear();
  const std::size_t rounds = std::max(turns[0].size(), turns[1].size());
  for (std::size_t i = 0; i < rounds; ++i) {
    for (auto& turn : turns) {
      if (i < turn.size()) targets.push_back(std::move(turn[i]));
    }
  }
  std::move(others.begin(), others.end(), std::back_inserter(targets));
  return targets;
}

AttemptSchedule::AttemptSchedule(std::size_t attempts, Nanos delay)
    : attempts_(attempts), delay_(std::clamp(delay, kMinDelay, kMaxDelay)) {}

std::optional<std::size_t> AttemptSchedule::next(Instant now) {
  if (next_ == attempts_ || now < due_) return std::nullopt;
  due_ = now + delay_;
  ++running_;
  return next_++;
}

void AttemptSchedule::failed(Instant now) {
  assert(running_ > 0);
  --running_;
  due_ = std::min(due_, now);
}

/// A dial that knows its place.
class DialRace::Attempt final : private DialObserver {
 public:
  Attempt(DialRace& race, std::size_t target) : race_(race), target_(target) {
    dial_.start(race.targets_[target], race.options_.dial);
  }

 private:
  void on_dialed(DialResult result) override { race_.ended(target_, std::move(result)); }

  DialRace& race_;
  std::size_t target_;
  Dial dial_{race_.loop_, *this};
};

DialRace::DialRace(Loop& loop, RaceObserver& observer) : loop_(loop), observer_(observer) {}
DialRace::~DialRace() = default;

void DialRace::start(std::vector<DialTarget> targets, const RaceOptions& options) {
  assert(!active());
  targets_ = std::move(targets);
  options_ = options;
  started_ = loop_.precise_now();
  deadline_ = options.timeout > Nanos::zero() ? started_ + options.timeout : Instant::max();
  schedule_.emplace(targets_.size(), options.delay);
  loop_.defer(*this);
}

void DialRace::run_deferred() {
  if (targets_.empty()) {
    return finish(0,
                  {.fd = {}, .error = DialError::unreachable, .code = EADDRNOTAVAIL, .took = {}});
  }
  go();
}

void DialRace::go() {
  const Instant now = loop_.precise_now();
  while (const auto target = schedule_->next(now)) {
    attempts_.push_back(std::make_unique<Attempt>(*this, *target));
  }
  const Instant wake = std::min(schedule_->due(), deadline_);
  if (wake == Instant::max()) {
    loop_.timers().disarm(*this);
  } else {
    loop_.timers().arm(*this, wake);
  }
}

void DialRace::ended(std::size_t target, DialResult result) {
  if (result) return finish(target, std::move(result));
  failed_.push_back(
      {.target = target, .error = result.error, .code = result.code, .took = result.took});
  schedule_->failed(loop_.precise_now());
  if (schedule_->spent()) return finish(target, std::move(result));
  go();
}

void DialRace::on_timer() {
  if (loop_.now() < deadline_) return go();
  const Nanos took = loop_.precise_now() - started_;
  finish(attempts_.empty() ? 0 : attempts_.size() - 1,
         {.fd = {}, .error = DialError::timed_out, .code = 0, .took = took});
}

void DialRace::finish(std::size_t target, DialResult result) {
  RaceResult race{.dial = std::move(result),
                  .target = target,
                  .failed = std::move(failed_),
                  .took = loop_.precise_now() - started_};
  cancel();
  observer_.on_race(std::move(race));
}

void DialRace::cancel() {
  Deferred::unlink();
  loop_.timers().disarm(*this);
  schedule_.reset();
  attempts_.clear();
  failed_.clear();
}

}  // namespace finack::net
