// What an operator sees of a worker's gateway, and does to it.
#include <gmock/gmock.h>

#include "gateway/gateway_rig.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;
using record::LivePage;
using record::Phase;
using testing::ElementsAre;
using testing::IsEmpty;

class ProxyOperatorTest : public GatewayTest {
 protected:
  std::vector<record::LiveConnection> live(const LivePage::Asked& asked = {}) {
    LivePage page(asked);
    rig().proxy->list(page);
    return page.take();
  }
  /// The connections to one server.
  client::PoolState pools(std::size_t server = 0) {
    for (const ClusterShare& share : rig().proxy->shares())
      if (share.cluster == &rig().cluster()) return share.pools[server].state;
    return {};
  }
  /// A request that a server has, and does not answer yet.
  FakeExchange& waiting() {
    FakeExchange& exchange = rig().get();
    rig().request();
    return exchange;
  }
  void drain(bool drained = true) {
    rig().server().health.set_drained(drained, rig().loop->now());
    rig().proxy->follow_drains();
    rig().settle();
  }
};

TEST_P(ProxyOperatorTest, sees_connections_and_pools) {
  PROXYING();
  EXPECT_THAT(live(), IsEmpty());
  FakeExchange& exchange = waiting();
  rig().advance(250ms);
  ASSERT_EQ(live().size(), 1U);
  const record::LiveConnection busy = live()[0];
  EXPECT_EQ(busy.role, record::Role::client);
  EXPECT_EQ(busy.phase, Phase::wait);
  EXPECT_EQ(busy.age, 250ms);
  EXPECT_EQ(busy.in_phase, 250ms);
  EXPECT_EQ(busy.server, rig().upstreams[0]->address());
  EXPECT_EQ(to_string(busy.peer), rig().upstreams[0]->address());
  EXPECT_NE(busy.local.port, 0);
  EXPECT_EQ(busy.requests, 1U);
  EXPECT_GT(busy.bytes_out, 0U);
  EXPECT_EQ(pools().busy, 1U);
  EXPECT_EQ(pools().free, 0U);
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_TRUE(rig().until([&] { return pools().free == 1; }));
  EXPECT_EQ(pools().busy, 0U);
  EXPECT_EQ(live({.phase = Phase::pool}).size(), 1U);
  EXPECT_EQ(live({.phase = Phase::wait}).size(), 0U);
  EXPECT_GT(live()[0].bytes_in, 0U);
}

TEST_P(ProxyOperatorTest, kills_a_connection_and_its_request) {
  PROXYING(2);
  FakeExchange& exchange = rig().get();
  ASSERT_TRUE(rig().until([&] { return live({.phase = Phase::wait}).size() == 1; }));
  ASSERT_TRUE(rig().proxy->kill(live()[0].id));
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 502);
  EXPECT_EQ(exchange.cause, Cause::operator_killed);
  rig().settle();
  EXPECT_EQ(causes(exchange), "operator.killed") << "what an operator ends is not tried again";
  EXPECT_THAT(rig().connections, ElementsAre("operator.killed"));
  EXPECT_THAT(rig().tries, ElementsAre("operator.killed"));
  EXPECT_THAT(live(), IsEmpty());
}

TEST_P(ProxyOperatorTest, kills_a_free_connection) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  ASSERT_TRUE(rig().until([&] { return live({.phase = Phase::pool}).size() == 1; }));
  const record::ConnectionId id = live()[0].id;
  EXPECT_TRUE(rig().proxy->kill(id));
  EXPECT_FALSE(rig().proxy->kill(id)) << "it is gone";
  rig().settle();
  EXPECT_THAT(rig().connections, ElementsAre("operator.killed"));
  EXPECT_EQ(pools().free, 0U);
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_FALSE(next.upstream[0].reused);
}

TEST_P(ProxyOperatorTest, kills_what_is_being_dialed) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().loop->run_once(Nanos{0});  // the dial begins
  const auto dialing = live();
  if (dialing.empty() || dialing[0].phase != Phase::connect)
    GTEST_SKIP() << "\n*** SKIPPED: the kernel connected at once: no dial was there to be killed\n";
  EXPECT_TRUE(rig().proxy->kill(dialing[0].id));
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.cause, Cause::operator_killed);
  rig().settle();
  EXPECT_THAT(live(), IsEmpty());
}

TEST_P(ProxyOperatorTest, kills_no_other) {
  PROXYING();
  waiting();
  record::ConnectionId other = live()[0].id;
  ++other.sequence;
  EXPECT_FALSE(rig().proxy->kill(other));
  other = live()[0].id;
  ++other.worker;
  EXPECT_FALSE(rig().proxy->kill(other));
  other = live()[0].id;
  ++other.boot;
  EXPECT_FALSE(rig().proxy->kill(other));
  EXPECT_EQ(live().size(), 1U);
}

/// The client's connection was killed: the request for that cause, the other leg for its sake.
TEST_P(ProxyOperatorTest, a_killed_client_s_other_leg) {
  PROXYING();
  FakeExchange& exchange = waiting();
  exchange.leave(Cause::operator_killed);
  EXPECT_EQ(exchange.aborted, Cause::operator_killed);
  rig().settle();
  EXPECT_THAT(rig().connections, ElementsAre("policy.other_leg"));
}

TEST_P(ProxyOperatorTest, a_drained_server_finishes_what_it_has_and_gets_no_more) {
  PROXYING();
  FakeExchange& free = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(free));
  FakeExchange& busy = waiting();
  drain();
  EXPECT_FALSE(busy.ended);
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(busy));
  EXPECT_EQ(busy.status, 200);
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 1; }));
  EXPECT_THAT(rig().connections, ElementsAre("operator.server_drained"));
  FakeExchange& refused = rig().get();
  ASSERT_TRUE(rig().ended(refused));
  EXPECT_EQ(refused.cause, Cause::upstream_none_healthy);
}

TEST_P(ProxyOperatorTest, a_drain_closes_what_is_free) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  rig().settle();
  drain();
  EXPECT_THAT(rig().connections, ElementsAre("operator.server_drained"));
}

TEST_P(ProxyOperatorTest, a_restored_server_keeps_its_connections_again) {
  PROXYING();
  rig().server().health.set_drained(true, rig().loop->now());
  FakeExchange& refused = rig().get();  // the worker's share is made while it is drained
  ASSERT_TRUE(rig().ended(refused));
  drain(false);
  for (const bool reused : {false, true}) {
    FakeExchange& exchange = rig().get();
    rig().serve(kOk);
    ASSERT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.upstream[0].reused, reused);
  }
  EXPECT_THAT(rig().connections, IsEmpty());
}

TEST_P(ProxyOperatorTest, a_restored_server_does_not_undo_the_end_of_the_gateway) {
  PROXYING();
  FakeExchange& exchange = waiting();
  rig().proxy->close(Cause::operator_shutdown);
  drain();
  drain(false);
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  ASSERT_TRUE(rig().until([&] { return !rig().connections.empty(); }));
  EXPECT_THAT(rig().connections, ElementsAre("operator.shutdown"));
}

FINACK_GATEWAY_SUITE(ProxyOperatorTest);

}  // namespace
}  // namespace finack::gateway::tests
