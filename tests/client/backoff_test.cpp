#include "client/backoff.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "client/retry_budget.h"

namespace finack::client {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();

TEST(Backoff, doubles_up_to_its_most) {
  const Backoff backoff;
  EXPECT_EQ(backoff.wait(1, 0), Nanos(0));
  EXPECT_EQ(backoff.wait(1, kHighest), 25ms - 1ns);
  EXPECT_EQ(backoff.wait(2, kHighest), 50ms - 1ns);
  EXPECT_EQ(backoff.wait(4, kHighest), 200ms - 1ns);
  EXPECT_EQ(backoff.wait(5, kHighest), 250ms - 1ns);
  EXPECT_EQ(backoff.wait(4'000'000'000U, kHighest), 250ms - 1ns);
  EXPECT_EQ(backoff.wait(2, kHighest / 2 + 1), 25ms);
}

TEST(RetryBudget, allows_a_share_of_the_live_requests_and_a_few_always) {
  RetryBudget budget(20, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.try_take(0));
  EXPECT_FALSE(budget.try_take(19));
  EXPECT_TRUE(budget.try_take(20));
  EXPECT_FALSE(budget.try_take(20));
  budget.give_back();
  EXPECT_TRUE(budget.try_take(20));
  EXPECT_EQ(budget.taken(), 4U);
}

}  // namespace
}  // namespace finack::client
