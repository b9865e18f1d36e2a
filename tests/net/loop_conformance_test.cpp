#include <atomic>
#include <thread>

#include "net/conformance.h"

namespace finack::net::testing {
namespace {

class LoopConformance : public Conformance {};
FINACK_BOTH_BACKENDS(LoopConformance);

class Work final : public Deferred {
 public:
  explicit Work(std::function<void()> fn) : fn_(std::move(fn)) {}
  void run_deferred() override {
    ++runs;
    if (fn_) fn_();
  }
  int runs = 0;

 private:
  std::function<void()> fn_;
};

class Alarm final : public Timer {
 public:
  void on_timer() override { ++fired; }
  int fired = 0;
};

TEST_P(LoopConformance, SaysWhichBackendItIs) {
  EXPECT_EQ(loop->backend(), GetParam());
  EXPECT_EQ(loop->backend_reason(), "configured");
}

TEST_P(LoopConformance, AutomaticTakesIoUringOrSaysWhyNot) {
  auto made = Loop::create({});
  ASSERT_TRUE(made);
  EXPECT_FALSE((*made)->backend_reason().empty());
  if ((*made)->backend() == Backend::epoll) {
    EXPECT_NE((*made)->backend_reason().find("io_uring"), std::string::npos);
  }
}

TEST_P(LoopConformance, DeferredWorkRunsOncePerDeferAlsoWhatItDefers) {
  Work inner(nullptr);
  Work outer([&] { loop->defer(inner); });
  loop->defer(outer);
  loop->defer(outer);
  loop->run_once(0ms);
  EXPECT_EQ(outer.runs, 1);
  EXPECT_EQ(inner.runs, 1);
}

TEST_P(LoopConformance, WorkThatDefersItselfForEverDoesNotStopTheLoop) {
  Work* self = nullptr;
  Work work([&] { loop->defer(*self); });
  self = &work;
  loop->defer(work);
  loop->run_once(1s);
  EXPECT_GT(work.runs, 1);
  const int before = work.runs;
  loop->run_once(1s);  // does not wait
  EXPECT_GT(work.runs, before);
  work.unlink();
}

TEST_P(LoopConformance, WorkMayBeDestroyedByEarlierWork) {
  auto victim = std::make_unique<Work>(nullptr);
  Work killer([&] { victim.reset(); });
  loop->defer(killer);
  loop->defer(*victim);
  loop->run_once(0ms);
  EXPECT_EQ(victim, nullptr);
}

TEST_P(LoopConformance, TimersFireInTimeAndWakeTheLoop) {
  Alarm alarm;
  const Instant before = loop->precise_now();
  loop->timers().arm(alarm, before + 30ms);
  EXPECT_TRUE(run_until([&] { return alarm.fired == 1; }));
  const Nanos took = loop->precise_now() - before;
  EXPECT_GE(took, 30ms);
  EXPECT_LT(took, 500ms);
}

TEST_P(LoopConformance, ASleepingLoopIsWokenByATimerAlone) {
  Alarm alarm;
  loop->timers().arm(alarm, loop->precise_now() + 25ms);
  int turns = 0;
  while (alarm.fired == 0) {
    loop->run_once(10s);
    ASSERT_LT(++turns, 10);
  }
}

TEST_P(LoopConformance, AnInjectedClockRulesTheTimers) {
  ManualClock clock;
  loop.reset();
  make_loop({.clock = &clock});
  Alarm alarm;
  loop->timers().arm(alarm, clock.now() + 1h);
  loop->run_once(0ms);
  EXPECT_EQ(alarm.fired, 0);
  clock.advance(1h);
  loop->run_once(0ms);
  EXPECT_EQ(alarm.fired, 1);
  EXPECT_EQ(loop->now(), clock.now());
}

TEST_P(LoopConformance, PostsFromThreadsAllRunInOrderOnTheLoopThread) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2000;
  std::vector<int> last(kThreads, -1);
  int ran = 0;
  std::thread::id loop_thread;
  std::thread runner([&] {
    loop_thread = std::this_thread::get_id();
    loop->run();
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop->post([&, t, i] {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          EXPECT_EQ(last[static_cast<std::size_t>(t)], i - 1);
          last[static_cast<std::size_t>(t)] = i;
          if (++ran == kThreads * kPosts) loop->stop();
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  runner.join();
  EXPECT_EQ(ran, kThreads * kPosts);
}

/// One post at a time, each at the moment the loop may be about to sleep: a wake-up that got lost
/// would leave the next one waiting for ever.
TEST_P(LoopConformance, NoWakeUpIsLostBetweenTwoWaits) {
  constexpr int kRounds = 5000;
  std::thread runner([&] { loop->run(); });
  std::atomic<int> ran{0};
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  int round = 0;
  while (round < kRounds && std::chrono::steady_clock::now() < give_up) {
    loop->post([&] { ran.fetch_add(1, std::memory_order_relaxed); });
    ++round;
    while (ran.load(std::memory_order_relaxed) < round &&
           std::chrono::steady_clock::now() < give_up) {
      if (round % 2 == 0) std::this_thread::yield();
    }
  }
  EXPECT_EQ(ran.load(), kRounds);
  loop->stop();
  runner.join();
}

TEST_P(LoopConformance, StopAndWakeEndAWaitWithoutBound) {
  std::thread runner([&] { loop->run(); });
  const auto give_up = std::chrono::steady_clock::now() + 5s;
  const std::uint64_t before = loop->turns();
  while (loop->turns() == before && std::chrono::steady_clock::now() < give_up) {
    loop->wake();
    std::this_thread::yield();
  }
  EXPECT_GT(loop->turns(), before);
  loop->stop();
  runner.join();
}

TEST_P(LoopConformance, TheTurnHookTellsTheBusyTime) {
  Nanos busy{-1};
  int calls = 0;
  loop->on_turn_end([&](Nanos spent) {
    busy = spent;
    ++calls;
  });
  Work work([] { std::this_thread::sleep_for(5ms); });
  loop->defer(work);
  loop->run_once(1s);
  EXPECT_EQ(calls, 1);
  EXPECT_GE(busy, 5ms);
  loop->run_once(20ms);
  EXPECT_LT(busy, 5ms);  // waiting is not being busy
}

TEST_P(LoopConformance, WorkPostedButNeverRunIsDestroyedWithTheLoop) {
  auto owned = std::make_shared<int>(1);
  loop->post([owned] { FAIL(); });
  loop.reset();
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace finack::net::testing
