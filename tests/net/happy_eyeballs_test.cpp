#include "net/happy_eyeballs.h"

#include "net/address.h"
#include "net/conformance.h"

namespace finack::net::testing {
namespace {

DialTarget v4(std::uint8_t last, std::uint16_t port = 80) {
  return {.address = {.family = Address::Family::v4, .port = port, .bytes = {127, 0, 0, last}},
          .unix_path = {}};
}
DialTarget v6(std::uint8_t last) {
  DialTarget target{.address = {.family = Address::Family::v6, .port = 80}};
  target.address.bytes[15] = last;
  return target;
}

std::string order(const std::vector<DialTarget>& targets) {
  std::string text;
  for (const DialTarget& target : targets) {
    const bool six = target.address.family == Address::Family::v6;
    text += six ? "6." + std::to_string(target.address.bytes[15])
                : "4." + std::to_string(target.address.bytes[3]);
    text += ' ';
  }
  return text;
}

TEST(Interleave, FamiliesTakeTurns) {
  EXPECT_EQ(order(interleave({v4(1), v4(2), v4(3), v6(1), v6(2)})), "6.1 4.1 6.2 4.2 4.3 ");
  EXPECT_EQ(order(interleave({v6(1), v6(2), v4(1)}, Address::Family::v4)), "4.1 6.1 6.2 ");
  EXPECT_EQ(order(interleave({v4(2), v4(1)})), "4.2 4.1 ");
  EXPECT_TRUE(interleave({}).empty());
}

class Schedule : public ::testing::Test {
 protected:
  Instant at(Millis ms) const { return start_ + ms; }
  Instant start_{std::chrono::hours(5)};
};

TEST_F(Schedule, AttemptsBeginADelayApart) {
  AttemptSchedule schedule(3, 250ms);
  EXPECT_EQ(schedule.next(at(0ms)), 0u);
  EXPECT_EQ(schedule.next(at(0ms)), std::nullopt);
  EXPECT_EQ(schedule.due(), at(250ms));
  EXPECT_EQ(schedule.next(at(249ms)), std::nullopt);
  EXPECT_EQ(schedule.next(at(250ms)), 1u);
  EXPECT_EQ(schedule.next(at(500ms)), 2u);
  EXPECT_EQ(schedule.due(), Instant::max());
  EXPECT_EQ(schedule.next(at(9000ms)), std::nullopt);
  EXPECT_FALSE(schedule.spent());
}

TEST_F(Schedule, AFailureBringsTheNextAtOnceAndRestartsTheDelay) {
  AttemptSchedule schedule(3, 250ms);
  EXPECT_EQ(schedule.next(at(0ms)), 0u);
  schedule.failed(at(30ms));
  EXPECT_EQ(schedule.due(), at(30ms));
  EXPECT_EQ(schedule.next(at(30ms)), 1u);
  EXPECT_EQ(schedule.next(at(279ms)), std::nullopt);
  EXPECT_EQ(schedule.next(at(280ms)), 2u);
  schedule.failed(at(300ms));
  EXPECT_FALSE(schedule.spent());
  schedule.failed(at(310ms));
  EXPECT_TRUE(schedule.spent());
}

TEST_F(Schedule, TheDelayKeepsItsBounds) {
  AttemptSchedule hasty(2, 0ms);
  EXPECT_EQ(hasty.next(at(0ms)), 0u);
  EXPECT_EQ(hasty.due(), at(10ms));
  AttemptSchedule lazy(2, std::chrono::hours(1));
  EXPECT_EQ(lazy.next(at(0ms)), 0u);
  EXPECT_EQ(lazy.due(), at(2000ms));
}

class RaceConformance : public Conformance, public RaceObserver {
 protected:
  void on_race(RaceResult got) override {
    ++calls;
    result = std::move(got);
  }
  bool run() {
    return run_until([&] { return calls > 0; });
  }
  RaceResult result;
  int calls = 0;
};
FINACK_BOTH_BACKENDS(RaceConformance);

/// A listening port of 127.0.0.1, one nobody listens on, and one that swallows SYNs.
struct Ports {
  Ports() : full(listen_on_loopback(full_address, 0)), live(listen_on_loopback(live_address)) {
    for (int i = 0; i < 3; ++i) filling.push_back(connect_to(full_address, SOCK_NONBLOCK));
    sockaddr_in address;
    dead_port = ntohs((listen_on_loopback(address), address).sin_port);
  }
  DialTarget hole() const { return v4(1, ntohs(full_address.sin_port)); }
  DialTarget open() const { return v4(1, ntohs(live_address.sin_port)); }
  DialTarget dead() const { return v4(1, dead_port); }

  sockaddr_in full_address;
  sockaddr_in live_address;
  Fd full;
  Fd live;
  std::vector<Fd> filling;
  std::uint16_t dead_port = 0;
};

TEST_P(RaceConformance, TheSecondWinsWhenTheFirstIsABlackHole) {
  const Ports ports;
  DialRace race(*loop, *this);
  race.start({ports.hole(), ports.open(), ports.open()}, {.delay = 50ms});
  ASSERT_TRUE(run());
  EXPECT_TRUE(result.dial);
  EXPECT_EQ(result.target, 1u);
  EXPECT_GE(result.took, 50ms);
  EXPECT_LT(result.took, 90ms + 500ms);
  EXPECT_LT(result.dial.took, result.took);
  EXPECT_TRUE(result.failed.empty());
  EXPECT_FALSE(race.active());
  run_for(80ms);
  EXPECT_EQ(calls, 1);
}

TEST_P(RaceConformance, ARefusalDoesNotWaitForTheDelay) {
  const Ports ports;
  DialRace race(*loop, *this);
  race.start({ports.dead(), ports.dead(), ports.open()}, {.delay = 2s});
  ASSERT_TRUE(run());
  EXPECT_TRUE(result.dial);
  EXPECT_EQ(result.target, 2u);
  EXPECT_LT(result.took, 1s);
  ASSERT_EQ(result.failed.size(), 2u);
  EXPECT_EQ(result.failed[1].error, DialError::refused);
  EXPECT_EQ(result.failed[1].target, 1u);
}

TEST_P(RaceConformance, AllFailed) {
  const Ports ports;
  DialRace race(*loop, *this);
  race.start({ports.dead(), ports.dead()}, {});
  ASSERT_TRUE(run());
  EXPECT_EQ(result.dial.error, DialError::refused);
  EXPECT_EQ(result.failed.size(), 2u);
  calls = 0;
  race.start({}, {});
  ASSERT_TRUE(run());
  EXPECT_EQ(result.dial.error, DialError::unreachable);
}

TEST_P(RaceConformance, TheTimerOfTheRaceEndsIt) {
  const Ports ports;
  DialRace race(*loop, *this);
  race.start({ports.hole(), ports.hole(), ports.hole()}, {.delay = 20ms, .timeout = 80ms});
  ASSERT_TRUE(run());
  EXPECT_EQ(result.dial.error, DialError::timed_out);
  EXPECT_EQ(result.dial.code, 0);
  EXPECT_GE(result.took, 80ms);
  EXPECT_EQ(result.target, 2u);
}

TEST_P(RaceConformance, CancelledSaysNothing) {
  const Ports ports;
  DialRace race(*loop, *this);
  race.start({ports.open()}, {});
  race.cancel();
  race.start({ports.hole(), ports.open()}, {.delay = 30ms});
  loop->run_once(1ms);
  race.cancel();
  run_for(60ms);
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace finack::net::testing
