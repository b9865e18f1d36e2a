#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace finack::net {
namespace {

using namespace std::chrono_literals;

class Shot final : public Timer {
 public:
  void on_timer() override {
    ++fired;
    if (then) then();
  }
  int fired = 0;
  std::function<void()> then;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  ManualClock clock;
  Instant start = clock.now();
  TimerWheel wheel{start};

  void to(Nanos since) { wheel.advance(start + since); }
};

TEST_F(TimerWheelTest, FiresAtTheDeadlineAndNotBefore) {
  Shot shot;
  wheel.arm(shot, start + 10ms);
  EXPECT_EQ(wheel.next_due(), start + 10ms);
  to(9ms);
  EXPECT_EQ(shot.fired, 0);
  EXPECT_TRUE(shot.armed());
  to(10ms);
  EXPECT_EQ(shot.fired, 1);
  EXPECT_FALSE(shot.armed());
  EXPECT_EQ(wheel.next_due(), Instant::max());
}

TEST_F(TimerWheelTest, RoundsUpToATick) {
  Shot shot;
  wheel.arm(shot, start + 10ms + 1ns);
  to(10ms + 999us);
  EXPECT_EQ(shot.fired, 0);
  to(11ms);
  EXPECT_EQ(shot.fired, 1);
}

TEST_F(TimerWheelTest, CascadesThroughEveryLevel) {
  const std::vector<Nanos> delays = {1ms,          255ms,        256ms,    257ms,
                                     65'535ms,     65'536ms,     70'001ms, 16'777'215ms,
                                     16'777'216ms, 20'000'123ms, 480h};
  for (const Nanos offset : {Nanos(0), Nanos(77ms), Nanos(65'530ms), Nanos(16'777'000ms)}) {
    for (const Nanos delay : delays) {
      TimerWheel fresh(start);
      const Instant due = start + offset + delay;
      fresh.advance(start + offset);
      Shot shot;
      fresh.arm(shot, due);
      for (int turns = 0; fresh.next_due() < due; ++turns) {
        ASSERT_LT(turns, 5) << "too many wake-ups for one timer";
        fresh.advance(fresh.next_due());
        ASSERT_EQ(shot.fired, 0);
      }
      fresh.advance(due - 1ns);
      EXPECT_EQ(shot.fired, 0) << delay.count();
      fresh.advance(due);
      EXPECT_EQ(shot.fired, 1) << delay.count() << " after " << offset.count();
    }
  }
}

TEST_F(TimerWheelTest, ReArmingLaterIsLazyAndEarlierIsNot) {
  Shot shot;
  wheel.arm(shot, start + 10ms);
  wheel.arm(shot, start + 5000ms);
  EXPECT_EQ(wheel.next_due(), start + 10ms);  // still filed there
  to(10ms);
  EXPECT_EQ(shot.fired, 0);
  to(4999ms);
  EXPECT_EQ(shot.fired, 0);
  wheel.arm(shot, start + 6000ms);
  wheel.arm(shot, start + 5001ms);
  to(5001ms);
  EXPECT_EQ(shot.fired, 1);
}

TEST_F(TimerWheelTest, DisarmInsideACallback) {
  Shot first, second;
  first.then = [&] { wheel.disarm(second); };
  wheel.arm(first, start + 5ms);
  wheel.arm(second, start + 5ms);
  to(5ms);
  EXPECT_EQ(first.fired, 1);
  EXPECT_EQ(second.fired, 0);
  EXPECT_FALSE(second.armed());
}

TEST_F(TimerWheelTest, ADisarmedTimerIsNotArmedAndDoesNotFire) {
  Shot shot;
  wheel.disarm(shot);
  EXPECT_FALSE(shot.armed());
  wheel.arm(shot, start + 10ms);
  wheel.disarm(shot);
  EXPECT_FALSE(shot.armed());
  to(20ms);
  EXPECT_EQ(shot.fired, 0);
  EXPECT_EQ(wheel.next_due(), Instant::max());
}

TEST_F(TimerWheelTest, ArmsADisarmedTimerForEarlierAndLater) {
  Shot later, earlier;
  wheel.arm(later, start + 10ms);
  wheel.arm(earlier, start + 10ms);
  wheel.disarm(later);
  wheel.disarm(earlier);
  wheel.arm(later, start + 30ms);
  wheel.arm(earlier, start + 5ms);
  to(5ms);
  EXPECT_EQ(earlier.fired, 1);
  to(29ms);
  EXPECT_EQ(later.fired, 0);
  EXPECT_TRUE(later.armed());
  to(30ms);
  EXPECT_EQ(later.fired, 1);
}

TEST_F(TimerWheelTest, DestroyingAnotherTimerInsideACallback) {
  Shot first;
  auto second = std::make_unique<Shot>();
  first.then = [&] { second.reset(); };
  wheel.arm(first, start + 5ms);
  wheel.arm(*second, start + 5ms);
  to(10ms);
  EXPECT_EQ(first.fired, 1);
}

TEST_F(TimerWheelTest, ArmedForThePastInACallbackFiresInTheNextCall) {
  Shot shot;
  shot.then = [&] { wheel.arm(shot, start); };
  wheel.arm(shot, start + 5ms);
  to(20ms);
  EXPECT_EQ(shot.fired, 1);
  EXPECT_LE(wheel.next_due(), start + 20ms);
  to(20ms);
  EXPECT_EQ(shot.fired, 2);
}

TEST_F(TimerWheelTest, ReArmedForLaterInACallback) {
  Shot shot;
  shot.then = [&] { wheel.arm(shot, start + 5ms + 3ms * shot.fired); };
  wheel.arm(shot, start + 5ms);
  to(5ms);
  to(8ms);
  to(11ms);
  EXPECT_EQ(shot.fired, 3);
}

TEST_F(TimerWheelTest, ALateAdvanceFiresEverything) {
  std::vector<Shot> shots(500);
  for (std::size_t i = 0; i < shots.size(); ++i) {
    wheel.arm(shots[i], start + Millis(static_cast<long>(i * i)));
  }
  to(1h);
  for (const Shot& shot : shots) EXPECT_EQ(shot.fired, 1);
}

TEST_F(TimerWheelTest, FarDeadlinesAreClamped) {
  Shot shot;
  wheel.arm(shot, start + 24h * 1000);
  EXPECT_TRUE(shot.armed());
  to(TimerWheel::kTick * TimerWheel::kMaxTicks - 1ms);
  EXPECT_EQ(shot.fired, 0);
  to(TimerWheel::kTick * TimerWheel::kMaxTicks);
  EXPECT_EQ(shot.fired, 1);
  wheel.arm(shot, Instant::max());
  EXPECT_TRUE(shot.armed());
}

TEST_F(TimerWheelTest, TicksMayPassTheRangeOf32Bits) {
  Shot shot;
  for (int day = 1; day <= 120; ++day) {
    wheel.arm(shot, start + 24h * day);
    to(24h * day - 1ms);
    ASSERT_EQ(shot.fired, day - 1);
    to(24h * day);
    ASSERT_EQ(shot.fired, day);
  }
}

TEST_F(TimerWheelTest, AgreesWithASimpleModel) {
  std::mt19937 random(7);
  constexpr std::size_t kTimers = 60;
  std::vector<Shot> shots(kTimers);
  std::vector<long> due(kTimers, -1);
  std::vector<int> expected(kTimers, 0);
  long now = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random() % kTimers;
    const auto action = random() % 10;
    if (action < 6) {
      static constexpr long kRanges[] = {3, 300, 70'000, 20'000'000};
      due[i] = now + static_cast<long>(random()) % kRanges[random() % 4];
      wheel.arm(shots[i], start + Millis(due[i]));
    } else if (action < 7) {
      due[i] = -1;
      wheel.disarm(shots[i]);
    } else {
      static constexpr long kSteps[] = {1, 200, 66'000, 1'000'000};
      now += static_cast<long>(random()) % kSteps[random() % 4];
      to(Millis(now));
      for (std::size_t k = 0; k < kTimers; ++k) {
        if (due[k] < 0 || due[k] > now) continue;
        ++expected[k];
        due[k] = -1;
      }
      for (std::size_t k = 0; k < kTimers; ++k) {
        ASSERT_EQ(shots[k].fired, expected[k]) << "timer " << k << " step " << step;
        ASSERT_EQ(shots[k].armed(), due[k] >= 0);
        ASSERT_TRUE(due[k] < 0 || wheel.next_due() <= start + Millis(due[k]));
      }
    }
  }
}

}  // namespace
}  // namespace finack::net
