#include "net/route.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace finack::net {
namespace {

bool routed(std::string_view text) { return has_route(parse_address(text).value_or(Address{})); }

TEST(Route, ToItselfEveryHostHasOne) {
  EXPECT_TRUE(routed("127.0.0.1:80"));
  EXPECT_TRUE(routed("127.0.0.9:80"));
}

TEST(Route, WhatIsNoAddressOfTheNetworkHasNone) {
  EXPECT_FALSE(has_route(Address{}));
  EXPECT_FALSE(has_route({.family = Address::Family::unix_socket}));
}

/// A network with nothing in it, not even its loopback interface up.
TEST(Route, WithoutANetworkThereIsNone) {
  bool allowed = false, v4 = true, v6 = true;
  std::thread([&] {
    allowed = ::unshare(CLONE_NEWNET) == 0;
    v4 = routed("192.0.2.1:80");
    v6 = routed("[2001:db8::1]:80");
  }).join();
  if (!allowed) GTEST_SKIP() << "\n*** SKIPPED: a network namespace is refused here\n";
  EXPECT_FALSE(v4);
  EXPECT_FALSE(v6);
}

}  // namespace
}  // namespace finack::net
