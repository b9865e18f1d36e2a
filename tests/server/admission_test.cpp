#include "server/admission.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace finack::server {
namespace {

using Answer = Admission::Answer;

Address v4(std::uint8_t last, std::uint16_t port) {
  Address address;
  address.family = Address::Family::v4;
  address.port = port;
  address.bytes[0] = 127;
  address.bytes[3] = last;
  return address;
}

TEST(Admission, zero_means_no_limit) {
  SocketBudget sockets;
  Admission admission(sockets, 0, 0);
  for (std::uint16_t i = 0; i < 1'000; ++i) ASSERT_EQ(admission.admit(v4(1, i)), Answer::admitted);
  EXPECT_EQ(admission.live(), 1'000U);
}

struct Step {
  Address peer;
  std::optional<Answer> answer;  ///< What admit says; none: the peer leaves.
};

Step in(std::uint8_t host, std::uint16_t port, Answer answer = Answer::admitted) {
  return {v4(host, port), answer};
}
Step out(std::uint8_t host, std::uint16_t port) { return {v4(host, port), {}}; }

TEST(Admission, answers_by_both_limits) {
  constexpr Answer kFull = Answer::full;
  constexpr Answer kHostFull = Answer::address_full;
  const struct {
    const char* what;
    std::uint32_t connections;
    std::uint32_t per_address;
    std::vector<Step> steps;
  } cases[] = {
      {"all connections count", 2, 0, {in(1, 1), in(2, 1), in(3, 1, kFull), out(1, 1), in(3, 1)}},
      {"a host counts, whatever the port",
       0,
       2,
       {in(1, 1), in(1, 2), in(1, 3, kHostFull), in(2, 1), out(1, 2), in(1, 4)}},
      // An address over its own limit must not make the worker evict others.
      {"the limit of the address comes before the limit of all",
       1,
       1,
       {in(1, 1), in(1, 2, kHostFull), in(2, 1, kFull)}},
  };
  for (const auto& c : cases) {
    SocketBudget sockets;
    Admission admission(sockets, c.connections, c.per_address);
    std::uint32_t live = 0;
    for (std::size_t i = 0; i < c.steps.size(); ++i) {
      SCOPED_TRACE(std::string(c.what) + ", step " + std::to_string(i));
      const auto& [peer, answer] = c.steps[i];
      if (!answer) {
        admission.leave(peer);
        --live;
      } else {
        EXPECT_EQ(admission.admit(peer), *answer);
        if (*answer == Answer::admitted) ++live;
      }
      EXPECT_EQ(admission.live(), live);
    }
  }
}

/// An evicted connection gives up its place at once, and its descriptor when it is closed.
TEST(Admission, an_evicted_connection_keeps_its_socket) {
  SocketBudget sockets;
  Admission admission(sockets, 2, 0);
  sockets.limit(3);
  EXPECT_EQ(admission.admit(v4(1, 1)), Answer::admitted);
  EXPECT_EQ(admission.admit(v4(2, 1)), Answer::admitted);
  EXPECT_EQ(admission.admit(v4(3, 1)), Answer::full);
  admission.evict(v4(1, 1));
  EXPECT_EQ(admission.admit(v4(3, 1)), Answer::admitted);
  admission.evict(v4(2, 1));
  EXPECT_EQ(admission.live(), 1U);
  EXPECT_EQ(admission.admit(v4(4, 1)), Answer::no_descriptor);
  EXPECT_EQ(admission.live(), 1U);
  admission.evicted_closed();
  EXPECT_EQ(admission.admit(v4(4, 1)), Answer::admitted);
}

/// Several listeners: each has its own places, and they share the descriptors.
TEST(Admission, listeners_share_the_sockets_and_nothing_else) {
  SocketBudget sockets;
  sockets.limit(3);
  Admission one(sockets, 1, 0);
  Admission other(sockets, 0, 0);
  EXPECT_EQ(one.admit(v4(1, 1)), Answer::admitted);
  EXPECT_EQ(one.admit(v4(1, 2)), Answer::full);
  EXPECT_EQ(other.admit(v4(1, 2)), Answer::admitted);
  EXPECT_EQ(other.admit(v4(1, 3)), Answer::admitted);
  EXPECT_EQ(other.admit(v4(1, 4)), Answer::no_descriptor);
  EXPECT_EQ(one.live(), 1U);
  EXPECT_EQ(other.live(), 2U);
  one.evict(v4(1, 1));
  EXPECT_TRUE(other.evicted_closing());
  EXPECT_EQ(one.admit(v4(1, 4)), Answer::no_descriptor) << "the evicted one has the socket still";
  one.evicted_closed();
  EXPECT_EQ(one.admit(v4(1, 4)), Answer::admitted);
}

/// Behind a Unix socket all clients look alike: the limit would hit the listener.
TEST(Admission, unix_peers_have_no_address_to_limit) {
  SocketBudget sockets;
  Admission admission(sockets, 0, 1);
  Address local;
  local.family = Address::Family::unix_socket;
  EXPECT_EQ(admission.admit(local), Answer::admitted);
  EXPECT_EQ(admission.admit(local), Answer::admitted);
  admission.leave(local);
  admission.leave(local);
  EXPECT_EQ(admission.live(), 0U);
}

TEST(Admission, holds_for_all_threads_together) {
  SocketBudget sockets;
  Admission admission(sockets, 50, 30);
  std::atomic<int> admitted{0};
  std::vector<std::jthread> threads;
  for (std::uint8_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint16_t i = 0; i < 100; ++i)
        if (admission.admit(v4(t % 2, i)) == Answer::admitted) ++admitted;
    });
  }
  threads.clear();
  EXPECT_EQ(admitted, 50);
  EXPECT_EQ(admission.live(), 50U);
}

}  // namespace
}  // namespace finack::server
