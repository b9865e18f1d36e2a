#include "client/learned_keepalive.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace finack::client {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kOwn = 60s;
constexpr Nanos kRtt = 1ms;

/// A server that closes idle connections at its limit, give or take its jitter.
class Server {
 public:
  Server(Nanos limit, Nanos jitter, std::uint64_t seed = 20'261'124)
      : limit_(limit), jitter_(jitter), random_(seed) {}
  void set_limit(Nanos limit) { limit_ = limit; }
  /// One more idle close, a second after the one before.
  void close_one(LearnedKeepAlive& learned) {
    at_ += 1s;
    std::uniform_int_distribution<Nanos::rep> off(-jitter_.count(), jitter_.count());
    learned.closed_idle(limit_ + Nanos(off(random_)), at_);
  }

 private:
  Nanos limit_, jitter_;
  Instant at_{1h};
  std::mt19937_64 random_;
};

TEST(LearnedKeepAlive, knows_only_our_own_limit_at_first) {
  const LearnedKeepAlive learned(kOwn);
  EXPECT_EQ(learned.limit(), kOwn);
  EXPECT_EQ(learned.safe_age(kRtt), kOwn - 2ms - 100ms);
  const KeepAliveFacts facts = learned.facts();
  EXPECT_FALSE(facts.advertised);
  EXPECT_FALSE(facts.observed);
  EXPECT_EQ(facts.closes, 0U);
}

TEST(LearnedKeepAlive, believes_the_server_s_word_when_it_is_shorter) {
  LearnedKeepAlive learned(kOwn);
  learned.advertised(5s);
  EXPECT_EQ(learned.limit(), 5s);
  learned.advertised(300s);
  EXPECT_EQ(learned.limit(), kOwn);
}

TEST(LearnedKeepAlive, believes_what_it_sees_over_what_it_is_told) {
  LearnedKeepAlive learned(kOwn);
  learned.advertised(5s);
  learned.closed_idle(3s, Instant{1h});
  EXPECT_EQ(learned.limit(), 3s);
}

TEST(LearnedKeepAlive, stays_clear_of_a_jittering_limit_after_twenty_closes) {
  LearnedKeepAlive learned(kOwn);
  Server server(3s, 200ms);
  for (int i = 0; i < 20; ++i) server.close_one(learned);
  EXPECT_LE(learned.limit(), 2800ms);
  EXPECT_GE(learned.limit(), 2550ms);
  EXPECT_EQ(learned.safe_age(kRtt), learned.limit() - 2ms - 100ms);
}

TEST(LearnedKeepAlive, and_nearly_always_so) {
  int beyond = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    LearnedKeepAlive learned(kOwn);
    Server server(3s, 200ms, seed);
    for (int i = 0; i < 20; ++i) server.close_one(learned);
    beyond += learned.limit() > 2800ms ? 1 : 0;
    EXPECT_GE(learned.limit(), 2500ms) << seed;
  }
  EXPECT_LE(beyond, 5);
}

TEST(LearnedKeepAlive, follows_a_longer_limit_within_fifty_closes) {
  LearnedKeepAlive learned(kOwn);
  Server server(3s, 200ms);
  for (int i = 0; i < 40; ++i) server.close_one(learned);
  server.set_limit(10s);
  for (int i = 0; i < 50; ++i) server.close_one(learned);
  EXPECT_GE(learned.limit(), 9600ms);
  EXPECT_LE(learned.limit(), 10s);
}

TEST(LearnedKeepAlive, follows_a_shorter_limit_within_five_closes) {
  LearnedKeepAlive learned(kOwn);
  Server server(10s, 0ms);
  for (int i = 0; i < 40; ++i) server.close_one(learned);
  server.set_limit(2s);
  for (int i = 0; i < 5; ++i) server.close_one(learned);
  EXPECT_LE(learned.limit(), 2s);
  EXPECT_GE(learned.limit(), 1800ms);
}

TEST(LearnedKeepAlive, leaves_a_stray_close_out) {
  LearnedKeepAlive learned(kOwn);
  Server server(10s, 0ms);
  for (int i = 0; i < 16; ++i) server.close_one(learned);
  learned.closed_idle(300ms, Instant{2h});
  EXPECT_EQ(learned.limit(), 10s);
}

TEST(LearnedKeepAlive, takes_a_burst_at_many_ages_for_a_restart) {
  LearnedKeepAlive learned(kOwn);
  const Instant restart{2h};
  learned.closed_idle(100ms, restart);
  learned.closed_idle(4s, restart + 1ms);
  learned.closed_idle(700ms, restart + 2ms);
  EXPECT_EQ(learned.limit(), 4s);
  EXPECT_EQ(learned.facts().closes, 1U);
}

TEST(LearnedKeepAlive, takes_a_burst_at_like_ages_for_a_limit) {
  LearnedKeepAlive learned(kOwn);
  learned.closed_idle(3050ms, Instant{1h});
  learned.closed_idle(2950ms, Instant{1h} + 10ms);
  EXPECT_EQ(learned.limit(), 2950ms);
}

TEST(LearnedKeepAlive, witnesses_that_live_on_raise_the_limit) {
  LearnedKeepAlive learned(kOwn);
  Server server(3s, 0ms);
  for (int i = 0; i < 40; ++i) server.close_one(learned);
  for (std::size_t i = 0; i < LearnedKeepAlive::kWindow; ++i) learned.outlived(6s);
  EXPECT_EQ(learned.limit(), 6s);
}

TEST(LearnedKeepAlive, never_reuses_what_closes_sooner_than_can_be_seen) {
  LearnedKeepAlive learned(kOwn);
  learned.closed_idle(50ms, Instant{1h});
  EXPECT_EQ(learned.safe_age(kRtt), Nanos(0));
}

}  // namespace
}  // namespace finack::client
