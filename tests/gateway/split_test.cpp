#include "gateway/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "gateway/text_hash.h"

namespace finack::gateway {
namespace {

using http::Header;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

SplitSettings canary() {
  SplitSettings settings;
  settings.to = {{"stable", 90, ""}, {"canary", 10, "yes"}, {"lab", 0, "lab"}};
  return settings;
}

std::size_t chosen(const Split& split, std::vector<Header> headers, std::uint64_t draw = 0) {
  return split.choose(headers, draw).branch;
}

TEST(Split, HoldsItsWeights) {
  const Split split(canary());
  std::array<int, 3> counts{};
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) ++counts[chosen(split, {}, random())];
  EXPECT_NEAR(counts[0], 90'000, 600);
  EXPECT_NEAR(counts[1], 10'000, 600);
  EXPECT_EQ(counts[2], 0);
}

TEST(Split, ReachesEveryBranchWithAWeight) {
  SplitSettings settings;
  settings.to = {{"none", 0, "x"}, {"a", 1, ""}, {"none", 0, "y"}, {"b", 1, ""}, {"c", 0, "z"}};
  const Split split(settings);
  EXPECT_EQ(chosen(split, {}, 0), 1U);
  EXPECT_EQ(chosen(split, {}, (std::uint64_t{1} << 63) - 1), 1U);
  EXPECT_EQ(chosen(split, {}, std::uint64_t{1} << 63), 3U);
  EXPECT_EQ(chosen(split, {}, ~std::uint64_t{0}), 3U);
}

TEST(Split, ObeysTheHeader) {
  SplitSettings settings = canary();
  settings.header = "X-Canary";
  const Split split(settings);
  EXPECT_EQ(chosen(split, {{"x-canary", "yes"}}), 1U);
  EXPECT_EQ(chosen(split, {{"x-canary", "lab"}}), 2U);
  EXPECT_EQ(chosen(split, {{"x-canary", "no"}, {"X-Canary", "lab"}}), 2U);
  EXPECT_EQ(chosen(split, {{"x-canary", "no"}}), 0U);
  EXPECT_EQ(chosen(split, {{"x-canary", ""}}), 0U) << "an empty when is none";
  EXPECT_EQ(chosen(split, {{"Cookie", "X-Canary=yes"}}), 0U);
}

TEST(Split, ObeysTheCookie) {
  SplitSettings settings = canary();
  settings.cookie = "tier";
  const Split split(settings);
  EXPECT_EQ(chosen(split, {{"Cookie", "a=b; tier=lab"}}), 2U);
  EXPECT_EQ(chosen(split, {{"Cookie", "a=b"}, {"cookie", "tier=yes"}}), 1U);
  EXPECT_EQ(chosen(split, {{"Cookie", "Tier=yes"}}), 0U);
  EXPECT_EQ(chosen(split, {{"tier", "yes"}}), 0U);
}

TEST(Split, RemembersWhatTheWeightsDecided) {
  SplitSettings settings = canary();
  settings.header = "X-Canary";
  settings.sticky.emplace();
  const Split split(settings);
  const SplitChoice first = split.choose({}, ~std::uint64_t{0});
  EXPECT_EQ(first.branch, 1U);
  EXPECT_THAT(std::string(first.set_cookie), StartsWith("finack_split="));
  EXPECT_THAT(std::string(first.set_cookie),
              HasSubstr("; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400"));
  EXPECT_THAT(std::string(first.set_cookie), Not(HasSubstr("canary")));

  const std::string pair(first.set_cookie.substr(0, first.set_cookie.find(';')));
  const std::vector<Header> again = {{"Cookie", pair}};
  EXPECT_EQ(split.choose(again, 0).branch, 1U);
  EXPECT_EQ(split.choose(again, 0).set_cookie, "");
  const std::vector<Header> both = {{"Cookie", pair}, {"X-Canary", "lab"}};
  EXPECT_EQ(split.choose(both, 0).branch, 2U) << "when wins";
  EXPECT_EQ(split.choose(both, 0).set_cookie, "") << "and is not remembered";
  const std::vector<Header> forged = {{"Cookie", "finack_split=canary"}};
  EXPECT_EQ(split.choose(forged, 0).branch, 0U);
  EXPECT_NE(split.choose(forged, 0).set_cookie, "");
}

TEST(Split, ForgetsABranchThatLostItsWeightAndOutlivesAnotherOrder) {
  SplitSettings settings = canary();
  settings.sticky.emplace();
  settings.sticky->max_age = Nanos(0);
  const Split before(settings);
  const std::string_view cookie = before.choose({}, ~std::uint64_t{0}).set_cookie;
  EXPECT_THAT(std::string(cookie), Not(HasSubstr("Max-Age")));
  const std::string pair(cookie.substr(0, cookie.find(';')));
  const std::vector<Header> headers = {{"Cookie", pair}};

  std::swap(settings.to[0], settings.to[1]);
  EXPECT_EQ(Split(settings).choose(headers, ~std::uint64_t{0}).branch, 0U);
  settings.to[0].weight = 0;
  const Split after(settings);
  EXPECT_EQ(after.choose(headers, 0).branch, 1U);
  EXPECT_NE(after.choose(headers, 0).set_cookie, "");
}

TEST(TextHash, IsTheSameForEver) {
  EXPECT_EQ(hash_text(""), mix(0xcbf29ce484222325));
  EXPECT_EQ(hash_text("a"), mix(0xaf63dc4c8601ec8c)) << "FNV-1a's own example";
  EXPECT_EQ(scale_draw(~std::uint64_t{0}, 10), 9U);
  EXPECT_EQ(scale_draw(0, 10), 0U);
}

}  // namespace
}  // namespace finack::gateway
