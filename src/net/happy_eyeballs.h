#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "net/dial.h"

namespace finack::net {

/// Addresses in the order in which RFC 8305 section 4 tries them: families take turns, beginning
/// with that of `first`; within a family the given order stays. Unix targets stay last.
std::vector<DialTarget> interleave(std::vector<DialTarget> targets,
                                   Address::Family first = Address::Family::v6);

/// When which attempt begins (RFC 8305 section 5), without a clock or a socket: asked for the next
/// attempt, told of failures. An attempt begins when the one before has failed or `delay` has
/// passed since it began.
class AttemptSchedule {
 public:
  /// The bounds of section 8: below the minimum an attempt would not get its chance, above the
  /// maximum the user would wait.
  static constexpr Nanos kMinDelay = std::chrono::milliseconds(10);
  static constexpr Nanos kMaxDelay = std::chrono::seconds(2);

  /// `delay` is clamped to the bounds.
  AttemptSchedule(std::size_t attempts, Nanos delay);

  /// The number of the attempt to begin now; none when nothing is due.
  std::optional<std::size_t> next(Instant now);
  /// When next() has something by itself; Instant::max() when nothing is left.
  Instant due() const { return next_ < attempts_ ? due_ : Instant::max(); }
  /// A begun attempt has failed: the next one, if any, is due.
  void failed(Instant now);
  /// Everything was tried and has failed.
  bool spent() const { return next_ == attempts_ && running_ == 0; }

 private:
  std::size_t attempts_;
  Nanos delay_;
  Instant due_ = Instant::min();
  std::size_t next_ = 0;
  std::size_t running_ = 0;
};

struct RaceOptions {
  DialOptions dial{};  ///< For each attempt; its timeout is that of one attempt.
  Nanos delay = std::chrono::milliseconds(250);  ///< Between attempts; clamped to 10 ms … 2 s.
  Nanos timeout{};                               ///< Of the whole race; 0: none.
};

/// One attempt of a race that did not win.
struct FailedAttempt {
  std::size_t target = 0;
  DialError error = DialError::none;
  int code = 0;
  Nanos took{};
};

struct RaceResult {
  /// The winner's, or the failure that came last; timed_out with code 0 when the race's own timer
  /// ended it.
  DialResult dial{};
  std::size_t target = 0;  ///< Whose it is: a position in the list given.
  std::vector<FailedAttempt> failed{};
  Nanos took{};  ///< Of the whole race.
};

class RaceObserver {
 public:
  /// Once, from the loop; the race may be destroyed or started again from in here.
  virtual void on_race(RaceResult result) = 0;

 protected:
  ~RaceObserver() = default;
};

/// Dials a list of addresses by the schedule: the first to connect wins, the others are cancelled.
class DialRace final : private Deferred, private Timer {
 public:
  DialRace(Loop& loop, RaceObserver& observer);
  ~DialRace();

  /// The order is kept: see interleave(). An empty list fails as unreachable.
  void start(std::vector<DialTarget> targets, const RaceOptions& options);
  void cancel();
  bool active() const { return schedule_.has_value(); }

 private:
  class Attempt;
  void go();
  void ended(std::size_t target, DialResult result);
  void finish(std::size_t target, DialResult result);
  void run_deferred() override;
  void on_timer() override;

  Loop& loop_;
  RaceObserver& observer_;
  std::vector<DialTarget> targets_;
  RaceOptions options_;
  std::optional<AttemptSchedule> schedule_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::vector<FailedAttempt> failed_;
  Instant started_;
  Instant deadline_ = Instant::max();
};

}  // namespace finack::net
