#include "client/breaker.h"

#include <gtest/gtest.h>

namespace finack::client {
namespace {

using namespace std::chrono_literals;
using Admit = Breaker::Admit;

constexpr Instant kStart{1h};

void fail(Breaker& breaker, int times, Instant at = kStart) {
  for (int i = 0; i < times; ++i) breaker.failed(breaker.admit(at), at);
}

TEST(Breaker, without_rules_it_never_opens) {
  Breaker breaker({});
  fail(breaker, 1000);
  EXPECT_EQ(breaker.state(), BreakerState::closed);
}

TEST(Breaker, opens_after_failures_in_a_row_and_not_before) {
  Breaker breaker({.consecutive_failures = 3});
  fail(breaker, 2);
  breaker.succeeded(breaker.admit(kStart), kStart);
  fail(breaker, 2);
  EXPECT_EQ(breaker.state(), BreakerState::closed);
  fail(breaker, 1);
  EXPECT_EQ(breaker.state(), BreakerState::open);
  EXPECT_EQ(breaker.admit(kStart + 4s), Admit::no);
}

TEST(Breaker, opens_at_a_share_of_failures) {
  Breaker breaker({.failure_percent = 50, .least_requests = 10});
  for (int i = 0; i < 4; ++i) {
    fail(breaker, 1);
    breaker.succeeded(breaker.admit(kStart), kStart);
  }
  EXPECT_EQ(breaker.state(), BreakerState::closed) << "eight requests say nothing";
  breaker.succeeded(breaker.admit(kStart), kStart);
  fail(breaker, 1);
  EXPECT_EQ(breaker.state(), BreakerState::open);
}

TEST(Breaker, an_old_window_does_not_count) {
  Breaker breaker({.failure_percent = 50, .least_requests = 10});
  fail(breaker, 9);
  fail(breaker, 1, kStart + 11s);
  EXPECT_EQ(breaker.state(), BreakerState::closed);
}

TEST(Breaker, probes_decide_when_the_time_is_over) {
  Breaker breaker({.consecutive_failures = 1});
  fail(breaker, 1);
  const Instant later = kStart + 5s;
  EXPECT_EQ(breaker.admit(later), Admit::probe);
  EXPECT_EQ(breaker.admit(later), Admit::no) << "one probe at a time";
  breaker.succeeded(Admit::probe, later);
  EXPECT_EQ(breaker.state(), BreakerState::half_open);
  breaker.succeeded(breaker.admit(later), later);
  EXPECT_EQ(breaker.state(), BreakerState::closed);
  EXPECT_EQ(breaker.admit(later), Admit::yes);
}

TEST(Breaker, a_failed_probe_doubles_the_wait) {
  Breaker breaker({.consecutive_failures = 1});
  fail(breaker, 1);
  breaker.failed(breaker.admit(kStart + 5s), kStart + 5s);
  EXPECT_EQ(breaker.state(), BreakerState::open);
  EXPECT_EQ(breaker.admit(kStart + 14s), Admit::no);
  EXPECT_EQ(breaker.admit(kStart + 15s), Admit::probe);
  EXPECT_EQ(breaker.opened(), 2U);
}

TEST(Breaker, a_forgotten_probe_makes_room_for_another) {
  Breaker breaker({.consecutive_failures = 1});
  fail(breaker, 1);
  const Instant later = kStart + 5s;
  breaker.forgotten(breaker.admit(later));
  EXPECT_EQ(breaker.admit(later), Admit::probe);
}

TEST(Breaker, stragglers_do_not_open_it_twice) {
  Breaker breaker({.consecutive_failures = 2});
  const Admit one = breaker.admit(kStart), two = breaker.admit(kStart),
              three = breaker.admit(kStart);
  breaker.failed(one, kStart);
  breaker.failed(two, kStart);
  breaker.failed(three, kStart);
  EXPECT_EQ(breaker.opened(), 1U);
}

}  // namespace
}  // namespace finack::client
