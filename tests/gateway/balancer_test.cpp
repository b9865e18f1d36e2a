#include "gateway/balancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "gateway/hash_key.h"
#include "gateway/text_hash.h"
#include "route/client_address.h"

namespace finack::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using enum Balance;

constexpr std::array<Balance, 4> kAll = {round_robin, least_requests, p2c_ewma, consistent_hash};

/// A cluster and one worker's balancer.
struct Cluster {
  std::vector<std::string> names;
  std::vector<Candidate> candidates;
  std::vector<PeakEwma> latencies;
  std::mt19937_64 random{5};
  Balancer balancer;
  Instant now{std::chrono::hours(1)};

  Cluster(Balance balance, const std::vector<std::uint32_t>& weights,
          std::uint32_t load_percent = 125, std::uint64_t seed = 0)
      : latencies(weights.size()), balancer(make(balance, weights, load_percent, seed)) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      candidates.push_back({.weight = weights[i], .latency = &latencies[i]});
    }
  }
  Balancer make(Balance balance, const std::vector<std::uint32_t>& weights,
                std::uint32_t load_percent, std::uint64_t seed) {
    std::vector<RingServer> servers;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      names.push_back("10.0.0." + std::to_string(i) + ":80");
    }
    for (std::size_t i = 0; i < weights.size(); ++i) servers.push_back({names[i], weights[i]});
    return Balancer(balance, servers, load_percent, seed);
  }
  std::optional<std::size_t> pick(std::vector<std::size_t> tried = {}) {
    return balancer.pick(candidates, {random(), random(), tried, now});
  }
  /// How often each is chosen while nothing is under way.
  std::vector<int> counts(int picks) {
    std::vector<int> counts(candidates.size());
    for (int i = 0; i < picks; ++i) ++counts[pick().value()];
    return counts;
  }
};

TEST(Balancer, ChoosesOnlyWhatMayBeChosen) {
  for (const Balance balance : kAll) {
    Cluster cluster(balance, {1, 1, 1, 1, 1});
    cluster.candidates[0].available = false;
    cluster.candidates[1].backup = true;
    cluster.candidates[2].weight = 0;
    for (int i = 0; i < 100; ++i) {
      const std::size_t place = cluster.pick().value();
      EXPECT_TRUE(place == 3 || place == 4);
      EXPECT_EQ(cluster.pick({3}), 4U);
      EXPECT_EQ(cluster.pick({3, 4}), std::nullopt) << "a backup waits for more than a failed try";
    }
    cluster.candidates[3].available = cluster.candidates[4].available = false;
    EXPECT_EQ(cluster.pick(), 1U);
    EXPECT_EQ(cluster.pick({1}), std::nullopt);
    cluster.candidates[1].available = false;
    EXPECT_EQ(cluster.pick(), std::nullopt);
    EXPECT_EQ(Cluster(balance, {}).pick(), std::nullopt);
  }
}

TEST(Balancer, AvoidsWhoIsInDoubtWhileThereIsAnother) {
  for (const Balance balance : kAll) {
    Cluster cluster(balance, {1, 1, 1, 1});
    cluster.candidates[0].avoided = cluster.candidates[1].avoided = true;
    cluster.candidates[3].backup = true;
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(cluster.pick(), 2U);
      EXPECT_LE(cluster.pick({2}).value(), 1U) << "rather one in doubt than one that was tried";
    }
    cluster.candidates[2].avoided = true;
    for (const int count : cluster.counts(300)) EXPECT_LT(count, 300) << "all alike again";
  }
}

TEST(Balancer, IsDeterministic) {
  for (const Balance balance : kAll) {
    Cluster one(balance, {3, 2, 1}), other(balance, {3, 2, 1});
    for (int i = 0; i < 100; ++i) {
      const auto place = one.pick();
      EXPECT_EQ(place, other.pick());
      one.candidates[*place].live = other.candidates[*place].live = static_cast<unsigned>(i % 3);
    }
  }
}

TEST(RoundRobin, IsSmooth) {
  Cluster cluster(round_robin, {5, 1, 1});
  std::vector<std::size_t> order;
  for (int i = 0; i < 7; ++i) order.push_back(cluster.pick().value());
  EXPECT_THAT(order, ElementsAre(0, 0, 1, 0, 2, 0, 0));
  EXPECT_THAT(cluster.counts(7000), ElementsAre(5000, 1000, 1000));
}

TEST(RoundRobin, BeginsElsewhereInEachWorker) {
  std::vector<int> first(4);
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    ++first[Cluster(round_robin, {1, 1, 1, 1}, 125, seed).pick().value()];
  }
  for (const int count : first) EXPECT_NEAR(count, 100, 40);
}

TEST(RoundRobin, WarmsUp) {
  Cluster cluster(round_robin, {1, 1});
  cluster.candidates[1].warmth = 0.25;
  EXPECT_THAT(cluster.counts(1000), ElementsAre(800, 200));
}

TEST(LeastRequests, WeighsWhatIsUnderWay) {
  Cluster cluster(least_requests, {1, 3, 1});
  const auto ask = [&](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    cluster.candidates[0].live = a;
    cluster.candidates[1].live = b;
    cluster.candidates[2].live = c;
    return cluster.pick().value();
  };
  EXPECT_EQ(ask(0, 1, 3), 1U);
  EXPECT_EQ(ask(0, 3, 1), 0U);
  EXPECT_NE(ask(1, 6, 1), 1U);
  EXPECT_EQ(ask(2, 6, 2), 1U);
}

TEST(LeastRequests, DrawsAmongEquals) {
  Cluster cluster(least_requests, {1, 1, 1});
  for (const int count : cluster.counts(3000)) EXPECT_NEAR(count, 1000, 120);
}

TEST(TwoChoices, HoldWeightsWhileIdle) {
  Cluster cluster(p2c_ewma, {1, 3, 4});
  std::vector<int> counts = cluster.counts(80'000);
  EXPECT_NEAR(counts[0], 10'000, 500);
  EXPECT_NEAR(counts[1], 30'000, 900);
  EXPECT_NEAR(counts[2], 40'000, 900);
  // Also with latencies that differ a little.
  for (std::size_t i = 0; i < 3; ++i) {
    cluster.latencies[i].observe(milliseconds(100 + 10 * i), cluster.now);
  }
  counts = cluster.counts(80'000);
  EXPECT_NEAR(counts[0], 10'000, 500);
  EXPECT_NEAR(counts[2], 40'000, 900);
}

TEST(TwoChoices, AvoidASlowServerAndTryItAgain) {
  Cluster cluster(p2c_ewma, {1, 1, 1});
  for (std::size_t i = 0; i < 3; ++i) {
    cluster.latencies[i].observe(milliseconds(i == 1 ? 50 : 5), cluster.now);
  }
  EXPECT_EQ(cluster.counts(1000)[1], 0);
  cluster.candidates[0].live = cluster.candidates[2].live = 20;
  EXPECT_GT(cluster.counts(1000)[1], 300) << "load outweighs latency";
  cluster.candidates[0].live = cluster.candidates[2].live = 0;
  // The others are heard of; of the slow one nothing for half a minute.
  for (int second = 0; second < 30; ++second) {
    cluster.now += seconds(1);
    cluster.latencies[0].observe(milliseconds(5), cluster.now);
    cluster.latencies[2].observe(milliseconds(5), cluster.now);
  }
  EXPECT_GT(cluster.counts(1000)[1], 100);
}

TEST(TwoChoices, GiveAColdServerItsShareOnly) {
  Cluster cluster(p2c_ewma, {1, 1});
  cluster.candidates[1].warmth = 0.1;
  cluster.latencies[0].observe(milliseconds(100), cluster.now);
  const std::vector<int> counts = cluster.counts(11'000);
  EXPECT_NEAR(counts[1], 1000, 150) << "a latency that is not known draws no crowd";
}

/// Requests that arrive at an even pace and take as long as their server says.
std::vector<int> simulate(Cluster& cluster, const std::vector<Nanos>& service, Nanos pace,
                          int requests) {
  struct Running {
    Instant end;
    std::size_t server;
    Nanos took;
    bool operator<(const Running& other) const { return end > other.end; }
  };
  std::priority_queue<Running> running;
  std::vector<int> counts(service.size());
  for (int i = 0; i < requests; ++i, cluster.now += pace) {
    while (!running.empty() && running.top().end <= cluster.now) {
      const Running done = running.top();
      running.pop();
      --cluster.candidates[done.server].live;
      cluster.latencies[done.server].observe(done.took, done.end);
    }
    const std::size_t server = cluster.pick().value();
    ++counts[server];
    ++cluster.candidates[server].live;
    const Nanos took = service[server] * (75 + static_cast<int>(cluster.random() % 51)) / 100;
    running.push({cluster.now + took, server, took});
  }
  return counts;
}

TEST(TwoChoices, HoldWeightsUnderLoad) {
  Cluster cluster(p2c_ewma, {1, 3});
  const auto counts =
      simulate(cluster, {milliseconds(20), milliseconds(20)}, milliseconds(1), 40'000);
  EXPECT_NEAR(counts[0], 10'000, 1500);
}

TEST(TwoChoices, KeepASlowServersShareSmall) {
  const std::vector<Nanos> service = {milliseconds(10), milliseconds(10), milliseconds(200)};
  Cluster cluster(p2c_ewma, {1, 1, 1});
  Cluster turns(round_robin, {1, 1, 1});
  const auto counts = simulate(cluster, service, milliseconds(2), 30'000);
  EXPECT_LT(counts[2], 1000) << "of 30000";
  EXPECT_NEAR(counts[0], counts[1], 3000);
  EXPECT_EQ(simulate(turns, service, milliseconds(2), 30'000)[2], 10'000);
}

TEST(PeakEwma, JumpsUpAndComesDown) {
  PeakEwma mean;
  const Instant start{std::chrono::hours(1)};
  EXPECT_FALSE(mean.known());
  EXPECT_EQ(mean.value(start), 0);
  mean.observe(milliseconds(10), start);
  EXPECT_DOUBLE_EQ(mean.value(start), 10e6);
  mean.observe(milliseconds(100), start + milliseconds(1));
  EXPECT_DOUBLE_EQ(mean.value(start + milliseconds(1)), 100e6) << "a peak counts at once";
  mean.observe(milliseconds(10), start + milliseconds(2));
  EXPECT_NEAR(mean.value(start + milliseconds(2)), 100e6, 0.1e6);
  const Instant later = start + milliseconds(2) + PeakEwma::kMemory;
  EXPECT_NEAR(mean.value(later), 100e6 / 2.71828, 0.1e6);
  mean.observe(milliseconds(10), later);
  EXPECT_NEAR(mean.value(later), 43.1e6, 0.1e6);
  EXPECT_NEAR(mean.value(start), mean.value(later), 1) << "time does not go back";
  mean.observe(Nanos(0), later);
  EXPECT_TRUE(mean.known());
}

// The ring.

std::vector<std::size_t> owners(Cluster& cluster, std::uint64_t keys) {
  std::vector<std::size_t> out;
  for (std::uint64_t key = 0; key < keys; ++key) {
    out.push_back(
        cluster.balancer.pick(cluster.candidates, {0, mix(key), {}, cluster.now}).value());
  }
  return out;
}

TEST(ConsistentHash, HoldsWeights) {
  Cluster cluster(consistent_hash, {1, 1, 2, 4}, 0);
  std::vector<int> counts(4);
  for (const std::size_t owner : owners(cluster, 80'000)) ++counts[owner];
  EXPECT_NEAR(counts[0], 10'000, 2500);
  EXPECT_NEAR(counts[1], 10'000, 2500);
  EXPECT_NEAR(counts[2], 20'000, 4000);
  EXPECT_NEAR(counts[3], 40'000, 5000);
}

TEST(ConsistentHash, MovesOnlyTheKeysOfAServerThatLeaves) {
  Cluster cluster(consistent_hash, std::vector<std::uint32_t>(10, 1), 0);
  const auto before = owners(cluster, 20'000);
  cluster.candidates[3].available = false;
  const auto after = owners(cluster, 20'000);
  Cluster shrunk(consistent_hash, std::vector<std::uint32_t>(9, 1), 0);
  const auto without_last = owners(shrunk, 20'000);
  int moved = 0, moved_from_last = 0;
  std::vector<int> heirs(10);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == 3) {
      ++moved;
      ++heirs[after[i]];
    } else {
      ASSERT_EQ(before[i], after[i]);
    }
    if (before[i] == 9) {
      ++moved_from_last;
    } else {
      ASSERT_EQ(before[i], without_last[i]) << "another table, the same ring";
    }
  }
  EXPECT_NEAR(moved, 2000, 500);
  EXPECT_NEAR(moved_from_last, 2000, 500);
  for (std::size_t i = 0; i < heirs.size(); ++i) {
    if (i == 3) continue;
    EXPECT_GT(heirs[i], 60) << "its keys are spread";
  }
}

TEST(ConsistentHash, BoundsTheLoad) {
  Cluster cluster(consistent_hash, {1, 1, 1, 3}, 125);
  constexpr int kRequests = 1200;
  // One key for all: without a bound one server would get them all.
  const Pick pick{0, mix(42), {}, cluster.now};
  const std::size_t owner = cluster.balancer.pick(cluster.candidates, pick).value();
  for (int i = 0; i < kRequests; ++i) {
    ++cluster.candidates[cluster.balancer.pick(cluster.candidates, pick).value()].live;
    double live = 0;
    for (const Candidate& candidate : cluster.candidates) live += candidate.live;
    for (const Candidate& candidate : cluster.candidates) {
      ASSERT_LE(candidate.live, std::ceil(live * candidate.weight / 6 * 1.25));
    }
  }
  const double share = cluster.candidates[owner].weight * kRequests / 6.0;
  EXPECT_NEAR(cluster.candidates[owner].live, share * 1.25, 2) << "the owner is filled first";
  Cluster unbounded(consistent_hash, {1, 1, 1, 3}, 0);
  unbounded.candidates[owner].live = 1'000'000;
  EXPECT_EQ(unbounded.balancer.pick(unbounded.candidates, pick), owner);
}

TEST(HashRing, IsBoundedAndDoesNotDependOnTheOrder) {
  const std::vector<RingServer> heavy = {{"a", 1'000'000}, {"b", 1}, {"c", 500'000}, {"d", 0}};
  const HashRing ring(heavy);
  EXPECT_LE(ring.points(), (1U << 16) + 3);
  std::vector<bool> seen(4);
  ring.find(0, [&](std::size_t place) {
    seen[place] = true;
    return false;
  });
  EXPECT_THAT(seen, ElementsAre(true, true, true, false));

  const std::vector<RingServer> one = {{"a", 1}, {"b", 2}}, other = {{"b", 2}, {"a", 1}};
  const HashRing first(one), second(other);
  const auto any = [](std::size_t) { return true; };
  for (std::uint64_t key = 0; key < 1000; ++key) {
    EXPECT_EQ(one[*first.find(mix(key), any)].name, other[*second.find(mix(key), any)].name);
  }
  EXPECT_EQ(HashRing().find(7, any), std::nullopt);
}

TEST(HashKey, GoesByWhatIsNamed) {
  const auto key = [](std::string header, std::string cookie, std::vector<http::Header> headers,
                      const char* client = "10.0.0.1") {
    return hash_key({std::move(header), std::move(cookie), 0}, headers,
                    parse_address(client).value());
  };
  const std::uint64_t by_address = key("", "", {});
  EXPECT_EQ(by_address, key("", "", {{"X-User", "7"}}, "10.0.0.1:99")) << "not by port";
  EXPECT_NE(by_address, key("", "", {}, "10.0.0.2"));
  EXPECT_NE(key("", "", {}, "fd00::1"), key("", "", {}, "fd00::2"));
  EXPECT_EQ(key("x-user", "", {{"X-User", "7"}}), hash_text("7"));
  EXPECT_EQ(key("x-user", "", {}), by_address);
  EXPECT_EQ(key("", "sid", {{"cookie", "a=b"}, {"Cookie", "sid=7"}}), hash_text("7"));
  EXPECT_EQ(key("", "sid", {{"Cookie", "SID=7"}}), by_address);
}

}  // namespace
}  // namespace finack::gateway
