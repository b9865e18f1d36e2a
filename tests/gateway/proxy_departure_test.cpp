// The client leaves; a plan, a worker or an operator goes.
#include <gmock/gmock.h>

#include "gateway/gateway_rig.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;
using testing::ElementsAre;

class ProxyDepartureTest : public GatewayTest {
 protected:
  bool connection_ended(std::string_view cause, std::size_t n = 1) {
    const bool came = rig().until([&] { return rig().connections.size() >= n; });
    return came && rig().connections.back() == cause;
  }
  void empty() {
    EXPECT_TRUE(rig().until([&] { return rig().server().requests_live == 0U; }));
  }
  static void run(GatewaySettings& s) { s.routes[0].on_client_gone = OnClientGone::run; }
};

TEST_P(ProxyDepartureTest, while_a_connection_is_awaited) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  exchange.leave();
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_EQ(causes(exchange), "app.cancelled");
  rig().settle();
  EXPECT_THAT(rig().tries, ElementsAre("app.cancelled"));
}

TEST_P(ProxyDepartureTest, while_the_server_works) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().request();
  exchange.leave();
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_EQ(causes(exchange), "app.cancelled");
  EXPECT_TRUE(connection_ended("policy.other_leg"));
  EXPECT_TRUE(rig().until([&] { return rig().upstreams[0]->peer().gone(); }));
}

TEST_P(ProxyDepartureTest, while_its_body_is_on_the_way) {
  PROXYING();
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  exchange.feed("abc");
  exchange.leave(Cause::client_body_truncated);
  EXPECT_EQ(exchange.aborted, Cause::client_body_truncated);
  EXPECT_TRUE(connection_ended("policy.other_leg"));
  rig().settle();
  EXPECT_EQ(rig().upstreams[0]->peer().received.find("0\r\n\r\n"), std::string::npos)
      << "the server must not take a cut body for a whole one";
}

TEST_P(ProxyDepartureTest, between_two_tries) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].retry.backoff = {.base = 1h, .most = 1h}; });
  FakeExchange& exchange = rig().get();
  rig().request();
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().until([&] { return !rig().tries.empty(); }));
  exchange.leave();
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_EQ(causes(exchange), "upstream.closed_no_head");
  rig().advance(1h, 10min);
  EXPECT_EQ(rig().upstreams[0]->peers.size(), 1U);
}

TEST_P(ProxyDepartureTest, what_runs_on_is_not_awaited_for_ever) {
  PROXYING(1, [](GatewaySettings& s) {
    run(s);
    s.routes[0].run_for = 3s;
    s.clusters[0].timeouts.first_response_byte = 0s;
  });
  FakeExchange& exchange = rig().get();
  rig().request();
  exchange.leave();
  EXPECT_TRUE(exchange.runs_on);
  rig().advance(2900ms, 100ms);
  EXPECT_FALSE(exchange.ended);
  rig().advance(200ms, 100ms);
  EXPECT_TRUE(exchange.ended);
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_EQ(causes(exchange), "app.cancelled");
  EXPECT_TRUE(connection_ended("policy.other_leg"));
  empty();
}

TEST_P(ProxyDepartureTest, while_much_of_the_response_is_to_come) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  exchange.leave(Cause::client_left_receiving);
  EXPECT_EQ(exchange.aborted, Cause::client_left_receiving);
  EXPECT_TRUE(connection_ended("policy.other_leg"));
}

TEST_P(ProxyDepartureTest, a_short_rest_is_read_so_that_the_connection_is_kept) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  exchange.leave(Cause::client_left_receiving);
  EXPECT_EQ(exchange.aborted, Cause::client_left_receiving);
  EXPECT_EQ(causes(exchange), "app.cancelled");
  rig().upstreams[0]->peer().send("defghij");
  empty();
  EXPECT_TRUE(rig().connections.empty());
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_TRUE(next.upstream[0].reused);
}

TEST_P(ProxyDepartureTest, a_slow_client_left_and_the_rest_is_read) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  exchange.close_window();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  exchange.leave(Cause::client_left_receiving);
  rig().upstreams[0]->peer().send("defghij");
  empty();
  EXPECT_TRUE(rig().connections.empty());
}

TEST_P(ProxyDepartureTest, a_rest_that_does_not_come_is_not_awaited_long) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  exchange.leave(Cause::client_left_receiving);
  rig().advance(3s);
  EXPECT_TRUE(connection_ended("policy.other_leg"));
  empty();
}

TEST_P(ProxyDepartureTest, a_rest_that_breaks_off_hurts_nobody) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  exchange.leave(Cause::client_left_receiving);
  rig().upstreams[0]->peer().reset();
  EXPECT_TRUE(connection_ended("upstream.body_truncated"));
  empty();
}

TEST_P(ProxyDepartureTest, found_by_writing) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  exchange.leave_silently(Cause::client_left_receiving);
  rig().upstreams[0]->peer().send("3\r\ndef\r\n");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.aborted, Cause::client_left_receiving);
}

TEST_P(ProxyDepartureTest, a_route_may_let_the_server_finish) {
  PROXYING(1, run);
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").set_body("order"));
  rig().request();
  exchange.leave();
  rig().settle();
  EXPECT_FALSE(exchange.ended);
  EXPECT_TRUE(rig().connections.empty());
  rig().upstreams[0]->peer().send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  rig().settle();
  rig().upstreams[0]->peer().send("def");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_FALSE(exchange.responded);
  EXPECT_EQ(causes(exchange), "ok.completed");
  EXPECT_TRUE(rig().connections.empty()) << "and the connection is kept";
}

TEST_P(ProxyDepartureTest, what_runs_on_without_its_client_is_not_retried) {
  PROXYING(2, run);
  FakeExchange& exchange = rig().get();
  rig().request();
  exchange.leave();
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_EQ(causes(exchange), "upstream.closed_no_head");
}

TEST_P(ProxyDepartureTest, what_was_not_sent_does_not_run) {
  PROXYING(1, run);
  FakeExchange& waiting = rig().get();
  waiting.leave();
  EXPECT_TRUE(waiting.ended);
  FakeExchange& cut = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  cut.leave(Cause::client_body_truncated);
  EXPECT_TRUE(cut.ended);
}

TEST_P(ProxyDepartureTest, a_half_open_breaker_hears_nothing_of_a_client_that_left) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].retry.tries = 1;
    s.clusters[0].breaker.consecutive_failures = 1;
    s.clusters[0].breaker.open_for = 1s;
  });
  FakeExchange& exchange = rig().get();
  rig().request();
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().ended(exchange));
  rig().advance(2s);
  FakeExchange& probe = rig().get();
  probe.leave();
  EXPECT_EQ(rig().cluster().breaker().state(), client::BreakerState::half_open);
  FakeExchange& next = rig().get();
  EXPECT_FALSE(next.ended) << "the probe's place is free again";
}

// ---- Reloads and the end

TEST_P(ProxyDepartureTest, a_reload_keeps_connections_of_clusters_that_are_the_same) {
  PROXYING();
  FakeExchange& first = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(first));
  const auto* cluster = &rig().cluster();
  rig().reload([](GatewaySettings& s) { s.routes[0].name = "new"; });
  EXPECT_EQ(&rig().cluster(), cluster);
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_EQ(next.route, "new");
  EXPECT_TRUE(next.upstream[0].reused);
}

TEST_P(ProxyDepartureTest, requests_of_a_former_plan_end_by_it) {
  PROXYING(2, [](GatewaySettings& s) {
    s.clusters[0].servers.pop_back();
    s.clusters[0].retry.backoff = {.base = 0ns, .most = 0ns};
  });
  FakeExchange& idle = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(idle));
  FakeExchange& running = rig().get();
  rig().request();
  FakeExchange& waiting = rig().get();  // Not even a connection yet.
  const std::string other = rig().upstreams[1]->address();
  rig().reload([&](GatewaySettings& s) { s.clusters[0].servers[0].address = other; });
  FakeExchange& next = rig().get();
  rig().serve(kOk, 1);
  ASSERT_TRUE(rig().ended(next));
  rig().request();
  for (auto& peer : rig().upstreams[0]->peers) peer->send(kOk);
  ASSERT_TRUE(rig().ended(running));
  ASSERT_TRUE(rig().ended(waiting));
  EXPECT_EQ(running.status, 200);
  EXPECT_EQ(waiting.status, 200);
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 2; }));
  EXPECT_THAT(rig().connections, testing::Each("operator.reload_retired"));
}

TEST_P(ProxyDepartureTest, a_retry_of_a_former_plan_dials_by_it) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].retry.backoff = {.base = 0ns, .most = 0ns}; });
  FakeExchange& exchange = rig().get();
  rig().request();
  rig().reload([](GatewaySettings& s) { s.clusters[0].timeouts.connect = 1s; });
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().until([&] {
    rig().clock().advance(1ms);
    return rig().upstreams[0]->peers.size() == 2;
  }));
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 200);
}

TEST_P(ProxyDepartureTest, a_route_without_its_cluster_is_a_mistake) {
  PROXYING();
  GatewaySettings settings = rig().settings;
  settings.routes[0].cluster = "apj";
  const auto plan = Plan::create(settings, "mark", rig().plan.get());
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().what, "route all: there is no cluster apj");
}

TEST_P(ProxyDepartureTest, closing_lets_requests_end) {
  PROXYING();
  FakeExchange& idle = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(idle));
  FakeExchange& running = rig().get();
  rig().request();
  FakeExchange& waiting = rig().get();
  rig().proxy->close(Cause::operator_shutdown);
  FakeExchange& late = rig().get();  // On a client's connection that was not closed yet.
  rig().settle();
  EXPECT_EQ(rig().emptied, 0);
  for (int i = 0; i < 3; ++i) {
    rig().turn();
    for (auto& peer : rig().upstreams[0]->peers)
      if (peer->received.find("GET") != std::string::npos || i == 0) {
        peer->received.clear();
        peer->send(kOk);
      }
  }
  ASSERT_TRUE(rig().ended(running));
  ASSERT_TRUE(rig().ended(waiting));
  ASSERT_TRUE(rig().ended(late));
  for (const FakeExchange* one : {&running, &waiting, &late}) EXPECT_EQ(one->status, 200);
  ASSERT_TRUE(rig().until([&] { return rig().emptied == 1; }));
  EXPECT_TRUE(rig().proxy->empty());
  EXPECT_THAT(rig().connections, testing::Each("operator.shutdown"));
}

TEST_P(ProxyDepartureTest, cutting_ends_all) {
  PROXYING(1, run);
  FakeExchange& idle = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(idle));
  FakeExchange& responding = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return responding.body == "abc"; }));
  FakeExchange& waiting = rig().get();
  rig().proxy->cut(Cause::timeout_drain);
  EXPECT_EQ(responding.aborted, Cause::timeout_drain);
  EXPECT_EQ(waiting.aborted, Cause::timeout_drain);
  ASSERT_TRUE(rig().until([&] { return rig().emptied > 0; }));
  EXPECT_TRUE(rig().proxy->empty());
}

FINACK_GATEWAY_SUITE(ProxyDepartureTest);

}  // namespace
}  // namespace finack::gateway::tests
