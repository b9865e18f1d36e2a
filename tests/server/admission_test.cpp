#include "server/admission.h"

#include <gtest/gtest.h>

#include <atomic>
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
  Admission admission(0, 0);
  for (std::uint16_t i = 0; i < 1'000; ++i) ASSERT_EQ(admission.admit(v4(1, i)), Answer::admitted);
  EXPECT_EQ(admission.live(), 1'000U);
}

TEST(Admission, counts_all_connections) {
  Admission admission(2, 0);
  EXPECT_EQ(admission.admit(v4(1, 1)), Answer::admitted);
  EXPECT_EQ(admission.admit(v4(2, 1)), Answer::admitted);
  EXPECT_EQ(admission.admit(v4(3, 1)), Answer::full);
  EXPECT_EQ(admission.live(), 2U);
  admission.leave(v4(1, 1));
  EXPECT_EQ(admission.admit(v4(3, 1)), Answer::admitted);
}

TEST(Admission, counts_per_host_whatever_the_port) {
  Admission admission(0, 2);
  EXPECT_EQ(admission.admit(v4(1, 1)), Answer::admitted);
  EXPECT_EQ(admission.admit(v4(1, 2)), Answer::admitted);
  EXPECT_EQ(admission.admit(v4(1, 3)), Answer::address_full);
  EXPECT_EQ(admission.admit(v4(2, 1)), Answer::admitted);
  EXPECT_EQ(admission.live(), 3U);
  admission.leave(v4(1, 2));
  EXPECT_EQ(admission.admit(v4(1, 4)), Answer::admitted);
}

/// An evicted connection gives up its place at once, and its descriptor when it is closed.
TEST(Admission, an_evicted_connection_keeps_its_socket) {
  Admission admission(2, 0);
  admission.limit_sockets(3);
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

/// An address over its own limit must not make the worker evict others.
TEST(Admission, the_limit_of_the_address_comes_before_the_limit_of_all) {
  Admission admission(1, 1);
  EXPECT_EQ(admission.admit(v4(1, 1)), Answer::admitted);
  EXPECT_EQ(admission.admit(v4(1, 2)), Answer::address_full);
  EXPECT_EQ(admission.admit(v4(2, 1)), Answer::full);
  EXPECT_EQ(admission.live(), 1U);
}

/// Behind a Unix socket all clients look alike: the limit would hit the listener.
TEST(Admission, unix_peers_have_no_address_to_limit) {
  Admission admission(0, 1);
  Address local;
  local.family = Address::Family::unix_socket;
  EXPECT_EQ(admission.admit(local), Answer::admitted);
  EXPECT_EQ(admission.admit(local), Answer::admitted);
  admission.leave(local);
  admission.leave(local);
  EXPECT_EQ(admission.live(), 0U);
}

TEST(Admission, holds_for_all_threads_together) {
  Admission admission(50, 30);
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
