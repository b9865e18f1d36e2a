// A request on a kept connection to an upstream allocates nothing once warm.
#include <gtest/gtest.h>

#include "alloc/counting.h"
#include "client/client_rig.h"

namespace finack::client::tests {
namespace {

class ClientAllocationTest : public ::testing::TestWithParam<net::Backend> {};

TEST_P(ClientAllocationTest, ARequestOnAKeptConnection) {
  ClientRig rig(GetParam(), {});
  if (!rig.loop) GTEST_SKIP() << "\n*** SKIPPED: " << rig.why_not << "\n";
  Asker& asker = rig.make();
  asker.received.reserve(64);
  const std::string body(1000, 'b');
  asker.head.method = "POST";
  asker.method = http::Method::post;
  asker.head.framing = http::Framing::length;
  asker.head.content_length = body.size();
  asker.body = body;
  const auto request = [&] {
    asker.over = Progress::more;
    asker.ready = false;
    asker.received.clear();
    finack::tests::go_on_counting();
    rig.begin(asker);
    rig.loop->run_once(0ms);
    finack::tests::stop_counting();
    ASSERT_TRUE(rig.arrived(asker));
    rig.peer().received.clear();
    rig.peer().send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
    rig.peer().pump();
    for (int i = 0; i < 2000 && !asker.done(); ++i) {
      finack::tests::go_on_counting();
      rig.loop->run_once(1ms);
      finack::tests::stop_counting();
    }
    ASSERT_TRUE(asker.done() && !asker.failed);
    rig.drain();
  };
  for (int i = 0; i < 50; ++i) request();
  finack::tests::start_counting();
  finack::tests::stop_counting();
  for (int i = 0; i < 300; ++i) request();
  EXPECT_EQ(finack::tests::stop_counting(), 0U);
  EXPECT_EQ(rig.peers.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(, ClientAllocationTest,
                         ::testing::Values(net::Backend::epoll, net::Backend::io_uring),
                         finack::tests::backend_name);

}  // namespace
}  // namespace finack::client::tests
