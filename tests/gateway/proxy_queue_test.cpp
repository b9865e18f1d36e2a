// What a cluster may have under way, and who waits when it has.
#include <gmock/gmock.h>

#include "gateway/gateway_rig.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;

class ProxyQueueTest : public GatewayTest {
 protected:
  static void told(const FakeExchange& exchange, int status, Cause cause) {
    EXPECT_TRUE(exchange.ended);
    EXPECT_EQ(exchange.status, status);
    EXPECT_EQ(exchange.cause, cause);
    EXPECT_EQ(exchange.header_sent("Retry-After"), status == 503 ? "1" : "");
  }
  /// As requests come, they are answered, for a while.
  void serve_all(std::size_t server = 0) {
    for (int i = 0; i < 30; ++i) {
      rig().turn();
      for (auto& peer : rig().upstreams[server]->peers) {
        if (peer->received.find("\r\n\r\n") == std::string::npos) continue;
        peer->received.clear();
        peer->send(kOk);
      }
    }
  }
};

TEST_P(ProxyQueueTest, requests_beyond_the_limit_wait_in_order) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].breaker.limits.requests = 1; });
  FakeExchange& first = rig().get("/1");
  FakeExchange& second = rig().get("/2");
  FakeExchange& third = rig().get("/3");
  EXPECT_EQ(rig().cluster().queued.count(), 2U);
  EXPECT_THAT(rig().request(), testing::StartsWith("GET /1 "));
  rig().settle();
  EXPECT_EQ(rig().upstreams[0]->peer().received, "");
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(first));
  FakeExchange& late = rig().get("/4");
  EXPECT_THAT(rig().request(), testing::StartsWith("GET /2 "));
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(second));
  EXPECT_THAT(rig().request(), testing::StartsWith("GET /3 "));
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(third));
  EXPECT_THAT(rig().request(), testing::StartsWith("GET /4 "));
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(late));
  EXPECT_EQ(rig().upstreams[0]->peers.size(), 1U);
}

TEST_P(ProxyQueueTest, a_full_queue_sheds) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.requests = 1;
    s.clusters[0].queue_limit = 1;
  });
  FakeExchange& first = rig().get();
  FakeExchange& second = rig().get();
  told(rig().get(), 503, Cause::policy_overload_shed);
  serve_all();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(second.status, 200);
}

TEST_P(ProxyQueueTest, what_was_full_is_named) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.requests = 2;
    s.clusters[0].breaker.limits.pending = 1;
    s.clusters[0].queue_limit = 0;
  });
  rig().get();
  FakeExchange& pending = rig().get();
  told(pending, 503, Cause::policy_overload_shed);
  EXPECT_STREQ(pending.evidence.resource, "pending");
  rig().request();
  FakeExchange& second = rig().get();
  EXPECT_FALSE(second.ended);
  FakeExchange& queued = rig().get();
  told(queued, 503, Cause::policy_overload_shed);
  EXPECT_STREQ(queued.evidence.resource, "queue");
}

TEST_P(ProxyQueueTest, the_wait_for_a_place_that_another_worker_holds_ends_in_time) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].pool.connections = 1;
    s.routes[0].timeouts.queue = 1s;
  });
  ASSERT_TRUE(rig().server().take_connection(1));
  FakeExchange& exchange = rig().get();
  rig().advance(900ms, 100ms);
  EXPECT_FALSE(exchange.ended);
  rig().advance(200ms, 100ms);
  told(exchange, 503, Cause::timeout_queue);
  EXPECT_EQ(causes(exchange), "timeout.queue");
  EXPECT_STREQ(exchange.evidence.setting, "timeouts.queue");
  EXPECT_STREQ(exchange.evidence.setting_of, "routes[0].") << "the route decided";
  EXPECT_EQ(Nanos(exchange.evidence.setting_value), Nanos(1s));
  rig().server().give_connection();
}

TEST_P(ProxyQueueTest, without_a_queue_nobody_waits) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.requests = 1;
    s.clusters[0].queue_limit = 0;
  });
  rig().get();
  told(rig().get(), 503, Cause::policy_overload_shed);
}

TEST_P(ProxyQueueTest, a_wait_ends_in_time) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.requests = 1;
    s.clusters[0].timeouts.queue = 3s;
    s.routes.push_back({.name = "fast", .match = {.prefix = "/fast"}, .cluster = "api"});
    s.routes[1].timeouts.queue = 1s;
  });
  rig().get();
  FakeExchange& second = rig().get();
  FakeExchange& fast = rig().get("/fast");
  rig().advance(2s);
  told(fast, 503, Cause::timeout_queue);
  EXPECT_FALSE(second.ended);
  rig().advance(2s);
  told(second, 503, Cause::timeout_queue);
  EXPECT_EQ(rig()
                .ledger->counters()
                .timer_fires[static_cast<std::size_t>(record::TimerKind::queue)]
                .get(),
            2U);
}

TEST_P(ProxyQueueTest, who_leaves_the_queue_makes_room) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.requests = 1;
    s.clusters[0].queue_limit = 1;
  });
  rig().get();
  FakeExchange& second = rig().get();
  second.leave(Cause::client_left_queued);
  EXPECT_EQ(second.aborted, Cause::client_left_queued);
  EXPECT_TRUE(second.upstream.empty());
  FakeExchange& third = rig().get();
  EXPECT_FALSE(third.ended);
  serve_all();
  EXPECT_EQ(third.status, 200);
}

TEST_P(ProxyQueueTest, the_connections_of_a_server_are_slots) {
  PROXYING(2, [](GatewaySettings& s) { s.clusters[0].pool.connections = 1; });
  FakeExchange& first = rig().get();
  FakeExchange& second = rig().get();
  FakeExchange& third = rig().get();
  EXPECT_EQ(rig().cluster().queued.count(), 1U);
  rig().request(0);
  rig().request(1);
  rig().upstreams[1]->peer().send(kOk);
  ASSERT_TRUE(rig().until([&] { return first.ended || second.ended; }));
  rig().serve(kOk, 1);
  ASSERT_TRUE(rig().ended(third));
  EXPECT_EQ(third.status, 200);
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().until([&] { return first.ended && second.ended; }));
  for (const auto& upstream : rig().upstreams) EXPECT_EQ(upstream->peers.size(), 1U);
}

TEST_P(ProxyQueueTest, the_connections_of_a_cluster_are_slots) {
  PROXYING(2, [](GatewaySettings& s) { s.clusters[0].breaker.limits.connections = 1; });
  FakeExchange& first = rig().get();
  FakeExchange& second = rig().get();
  EXPECT_EQ(rig().cluster().queued.count(), 1U);
  rig().serve(kOk, 0);
  ASSERT_TRUE(rig().ended(first));
  rig().serve(kOk, 1);
  ASSERT_TRUE(rig().ended(second));
}

TEST_P(ProxyQueueTest, a_slot_that_another_worker_gave_up_is_found) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].breaker.limits.requests = 1; });
  ASSERT_TRUE(rig().cluster().requests.try_take());
  FakeExchange& exchange = rig().get();
  rig().settle();
  EXPECT_TRUE(rig().upstreams[0]->peers.empty());
  rig().cluster().requests.give_back();
  rig().advance(20ms);
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 200);
}

TEST_P(ProxyQueueTest, a_retry_does_not_wait_behind_those_who_wait_for_its_slot) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.requests = 1;
    s.clusters[0].retry.backoff = {.base = 0ns, .most = 0ns};
  });
  FakeExchange& first = rig().get();
  FakeExchange& second = rig().get();
  rig().request();
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().until([&] {
    rig().clock().advance(1ms);
    return rig().upstreams[0]->peers.size() == 2;
  }));
  serve_all();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(causes(first), "upstream.closed_no_head ok.completed");
  EXPECT_EQ(second.status, 200);
}

TEST_P(ProxyQueueTest, too_many_that_wait_for_a_connection) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].breaker.limits.pending = 1; });
  FakeExchange& first = rig().get();
  told(rig().get(), 503, Cause::policy_overload_shed);
  rig().request();
  FakeExchange& next = rig().get();
  EXPECT_FALSE(next.ended) << "the first has its connection";
  rig().upstreams[0]->peers[0]->send(kOk);
  ASSERT_TRUE(rig().ended(first));
  serve_all();
  EXPECT_EQ(next.status, 200);
}

TEST_P(ProxyQueueTest, retries_have_a_limit_of_their_own) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.retries = 1;
    s.clusters[0].retry.budget.least = 10;
    s.clusters[0].retry.backoff = {.base = 1h, .most = 1h};
  });
  rig().upstreams[0]->close();
  FakeExchange& first = rig().get();
  FakeExchange& second = rig().get();
  ASSERT_TRUE(rig().until([&] { return first.ended || second.ended; }));
  EXPECT_EQ(rig().cluster().retry_budget().taken(), 1U);
}

/// A worker looks, and another one takes the last connection before it does.
TEST_P(ProxyQueueTest, the_connections_of_a_cluster_are_counted_over_all_workers) {
  PROXYING(2, [](GatewaySettings& s) { s.clusters[0].breaker.limits.connections = 2; });
  FakeExchange& first = rig().get();
  rig().request(0);
  ASSERT_TRUE(rig().cluster().connections.try_take()) << "as another worker does";
  FakeExchange& second = rig().get();
  rig().settle();
  EXPECT_EQ(rig().cluster().queued.count(), 1U);
  EXPECT_TRUE(rig().upstreams[1]->peers.empty());
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(first));
  rig().serve(kOk, 1);
  ASSERT_TRUE(rig().ended(second));
  EXPECT_EQ(rig().cluster().connections.count(), 1U);
  rig().cluster().connections.give_back();
}

TEST_P(ProxyQueueTest, a_burst_leaves_little_behind) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].breaker.limits.requests = 1;
    s.clusters[0].queue_limit = 2 * Proxy::kSpareRequests;
  });
  std::vector<FakeExchange*> burst;
  for (std::size_t i = 0; i < Proxy::kSpareRequests + 200; ++i) burst.push_back(&rig().get());
  EXPECT_EQ(rig().proxy->kept(), Proxy::kSpareRequests + 200);
  for (FakeExchange* exchange : burst) exchange->leave(Cause::client_left_queued);
  rig().settle();
  EXPECT_EQ(rig().proxy->kept(), Proxy::kSpareRequests);
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_EQ(next.status, 200);
}

TEST_P(ProxyQueueTest, health_comes_before_the_queue) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].pool.connections = 1; });
  rig().get();
  FakeExchange& waiting = rig().get();
  rig().server().health.set_drained(true, rig().clock().now());
  rig().advance(20ms);
  told(waiting, 503, Cause::upstream_none_healthy);
}

TEST_P(ProxyQueueTest, who_waits_is_served_while_the_gateway_closes) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].breaker.limits.requests = 1; });
  FakeExchange& first = rig().get();
  FakeExchange& second = rig().get();
  rig().proxy->close(Cause::operator_shutdown);
  serve_all();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(second.status, 200);
  EXPECT_TRUE(rig().until([&] { return rig().emptied > 0; }));
}

FINACK_GATEWAY_SUITE(ProxyQueueTest);

}  // namespace
}  // namespace finack::gateway::tests
