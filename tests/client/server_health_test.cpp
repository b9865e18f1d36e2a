#include "client/server_health.h"

#include <gtest/gtest.h>

namespace finack::client {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1h};

void fail(ServerHealth& health, int times, Instant at) {
  for (int i = 0; i < times; ++i) health.failed(at);
}

TEST(ServerHealth, falls_and_rises_by_checks_in_a_row) {
  EjectionQuota quota(2, 50);
  ServerHealth health({.fall = 2, .rise = 2}, quota);
  EXPECT_TRUE(health.available(kStart));
  EXPECT_FALSE(health.check_failed(kStart));
  EXPECT_FALSE(health.check_passed(kStart));
  EXPECT_FALSE(health.check_failed(kStart));
  EXPECT_TRUE(health.check_failed(kStart));
  EXPECT_EQ(health.availability(kStart), Availability::down);
  EXPECT_FALSE(health.check_passed(kStart));
  EXPECT_FALSE(health.check_failed(kStart));
  EXPECT_FALSE(health.check_passed(kStart));
  EXPECT_TRUE(health.check_passed(kStart));
  EXPECT_EQ(health.availability(kStart), Availability::up);
}

TEST(ServerHealth, is_ejected_after_failures_in_a_row_and_comes_back_by_itself) {
  EjectionQuota quota(2, 50);
  ServerHealth health({.eject_after = 3}, quota);
  fail(health, 2, kStart);
  health.succeeded();
  fail(health, 2, kStart);
  EXPECT_TRUE(health.available(kStart));
  EXPECT_TRUE(health.failed(kStart));
  EXPECT_EQ(health.availability(kStart), Availability::ejected);
  EXPECT_FALSE(health.available(kStart + 10s - 1ns));
  EXPECT_TRUE(health.available(kStart + 10s));
}

TEST(ServerHealth, one_failure_is_a_doubt_until_something_succeeds) {
  EjectionQuota quota(2, 50);
  ServerHealth health({.eject_for = 10s}, quota);
  EXPECT_FALSE(health.avoided(kStart, false));
  health.failed(kStart);
  EXPECT_TRUE(health.available(kStart));
  EXPECT_TRUE(health.avoided(kStart, true));
  health.succeeded();
  EXPECT_FALSE(health.avoided(kStart, false));
  health.failed(kStart);
  health.check_passed(kStart);
  EXPECT_FALSE(health.avoided(kStart, false));
}

TEST(ServerHealth, an_answer_that_begins_ends_a_doubt_and_no_run_of_failures) {
  EjectionQuota quota(2, 50);
  ServerHealth health({.eject_after = 2}, quota);
  health.failed(kStart);
  health.answered();
  EXPECT_FALSE(health.avoided(kStart, false));
  EXPECT_TRUE(health.failed(kStart));
  EXPECT_EQ(health.availability(kStart), Availability::ejected);
}

TEST(ServerHealth, who_may_be_repeated_ends_a_doubt_first) {
  EjectionQuota quota(2, 50);
  ServerHealth health({.eject_for = 10s}, quota);
  health.failed(kStart);
  EXPECT_TRUE(health.avoided(kStart + 10s - 1ns, true));
  EXPECT_FALSE(health.avoided(kStart + 10s, true));
  EXPECT_TRUE(health.avoided(kStart + 10s, false));
  EXPECT_FALSE(health.avoided(kStart + 20s, false));
  health.tried_again(kStart + 10s);
  EXPECT_TRUE(health.avoided(kStart + 20s - 1ns, true)) << "one tries, the others wait";
}

TEST(ServerHealth, each_ejection_lasts_longer) {
  EjectionQuota quota(2, 50);
  ServerHealth health({.eject_after = 1, .eject_most = 25s}, quota);
  Instant now = kStart;
  for (const Nanos wait : {10s, 20s, 25s, 25s}) {
    EXPECT_TRUE(health.failed(now));
    EXPECT_FALSE(health.available(now + wait - 1ns));
    EXPECT_TRUE(health.available(now + wait));
    now += wait;
  }
  EXPECT_EQ(health.ejections(), 4U);
}

TEST(ServerHealth, no_more_than_the_quota_is_ejected_at_a_time) {
  EjectionQuota quota(3, 50);
  ServerHealth one({.eject_after = 1}, quota), two({.eject_after = 1}, quota);
  EXPECT_TRUE(one.failed(kStart));
  EXPECT_FALSE(two.failed(kStart));
  EXPECT_TRUE(two.available(kStart));
  EXPECT_TRUE(two.failed(kStart + 10s)) << "the first is back, its place is free";
  one.restore(kStart + 10s);
  EXPECT_EQ(quota.ejected(kStart + 10s), 1U);
  two.restore(kStart + 10s);
  EXPECT_EQ(quota.ejected(kStart + 10s), 0U);
}

TEST(ServerHealth, the_only_server_is_never_ejected) {
  EjectionQuota quota(1, 100);
  ServerHealth health({.eject_after = 1}, quota);
  EXPECT_FALSE(health.failed(kStart));
  EXPECT_TRUE(health.available(kStart));
}

TEST(ServerHealth, drained_by_the_operator) {
  EjectionQuota quota(2, 50);
  ServerHealth health({}, quota);
  health.set_drained(true, kStart);
  EXPECT_EQ(health.availability(kStart), Availability::drained);
  health.set_drained(false, kStart);
  EXPECT_TRUE(health.available(kStart));
}

TEST(ServerHealth, warms_up_slowly_when_it_comes_back) {
  EjectionQuota quota(2, 50);
  ServerHealth health({.fall = 1, .rise = 1, .eject_after = 1, .slow_start = 10s}, quota);
  EXPECT_EQ(health.warmth(kStart), 1.0);
  health.check_failed(kStart);
  health.check_passed(kStart);
  EXPECT_EQ(health.warmth(kStart), 0.1);
  EXPECT_EQ(health.warmth(kStart + 5s), 0.5);
  EXPECT_EQ(health.warmth(kStart + 20s), 1.0);
  health.failed(kStart + 20s);
  EXPECT_EQ(health.warmth(kStart + 35s), 0.5) << "an ejection ends after 10 s";
}

TEST(EjectionQuota, follows_the_number_of_servers) {
  const Instant now = kStart;
  const Instant until = now + 10s;
  EjectionQuota quota(1, 50);
  EXPECT_FALSE(quota.try_take(now, until)) << "the only server";
  quota.set_servers(4);
  EXPECT_TRUE(quota.try_take(now, until));
  EXPECT_TRUE(quota.try_take(now, until));
  quota.set_servers(2);
  EXPECT_EQ(quota.ejected(now), 2U) << "who is ejected stays so";
  EXPECT_FALSE(quota.try_take(now, until));
}

}  // namespace
}  // namespace finack::client
