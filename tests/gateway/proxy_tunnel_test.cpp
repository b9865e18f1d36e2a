// Tunnels: a server switches protocols, and bytes go both ways until both sides have finished.
#include <gmock/gmock.h>

#include "gateway/gateway_rig.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;
using record::How;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSwitched =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

class ProxyTunnelTest : public GatewayTest {
 protected:
  FakeExchange& ask(std::string protocol = "websocket") {
    FakeExchange& exchange = rig().make("GET", "/chat").ask_upgrade(std::move(protocol));
    return rig().ask(exchange.add_header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="));
  }
  FakeExchange& open(std::string_view behind = "") {
    FakeExchange& exchange = ask();
    rig().serve(std::string(kSwitched).append(behind));
    EXPECT_TRUE(rig().until([&] { return exchange.tunnel != nullptr; }));
    return exchange;
  }
  Client& server() { return rig().upstreams[0]->peer(); }
  bool server_got(std::string_view bytes) {
    return rig().until([&] { return server().received == bytes; });
  }
  bool connection_ended(std::string_view cause) {
    return rig().until([&] { return !rig().connections.empty(); }) &&
           rig().connections.back() == cause;
  }
};

// ---- The switch

/// Some clients say of every request how long its body is.
TEST_P(ProxyTunnelTest, an_empty_body_holds_up_no_switch) {
  PROXYING();
  FakeExchange& exchange =
      rig().ask(rig().make("GET", "/chat").ask_upgrade("websocket").set_body(""));
  const std::string request = rig().request();
  EXPECT_THAT(request, HasSubstr("\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Length: 0\r\n"));
  server().send(kSwitched);
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel != nullptr; }));
  exchange.feed_tunnel("ping");
  EXPECT_TRUE(server_got("ping"));
}

TEST_P(ProxyTunnelTest, both_sides_switch) {
  PROXYING();
  FakeExchange& exchange = ask();
  const std::string request = rig().request();
  EXPECT_THAT(request, HasSubstr("\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nConnection: upgrade"));
  EXPECT_THAT(request, HasSubstr("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  server().send(std::string(kSwitched) + "hello");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "hello"; }));
  EXPECT_EQ(exchange.status, 101);
  EXPECT_EQ(exchange.header_sent("Upgrade"), "websocket");
  EXPECT_EQ(exchange.header_sent("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(exchange.header_sent("Connection"), "") << "the server adds it";
  exchange.feed_tunnel("one ");
  exchange.feed_tunnel("two");
  EXPECT_TRUE(server_got("one two"));
}

TEST_P(ProxyTunnelTest, a_protocol_that_the_route_does_not_allow_is_not_asked_for) {
  PROXYING();
  FakeExchange& exchange = ask("h2c");
  const std::string request = rig().request();
  EXPECT_THAT(request, Not(HasSubstr("pgrade:")));
  server().send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 200);
  EXPECT_THAT(rig().tries, ElementsAre("ok.completed"));
}

TEST_P(ProxyTunnelTest, nobody_switches_unasked_or_to_another_protocol) {
  for (const std::string asked : {"h2c", "websocket"}) {
    SCOPED_TRACE(asked);
    PROXYING(1, [](GatewaySettings& s) { s.clusters[0].retry.tries = 1; });
    FakeExchange& exchange = ask(asked);
    rig().serve("HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
    ASSERT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.status, 502);
    EXPECT_EQ(exchange.cause, Cause::upstream_bad_head);
    EXPECT_TRUE(connection_ended("upstream.bad_head"));
    EXPECT_EQ(causes(exchange), "upstream.bad_head");
  }
}

TEST_P(ProxyTunnelTest, any_other_answer_is_a_response_and_the_connection_is_kept) {
  PROXYING();
  FakeExchange& exchange = ask();
  rig().serve("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 403);
  EXPECT_EQ(exchange.body, "no");
  EXPECT_EQ(exchange.cause, Cause::unknown);
  EXPECT_EQ(causes(exchange), "upstream.upgrade_refused");
  rig().settle();
  EXPECT_THAT(rig().tries, ElementsAre("upstream.upgrade_refused"));
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_EQ(causes(next), "ok.completed");
  EXPECT_TRUE(next.upstream[0].reused);
}

TEST_P(ProxyTunnelTest, before_the_switch_it_is_tried_again_like_any_request) {
  PROXYING(2, [](GatewaySettings& s) {
    s.clusters[0].retry.tries = 2;
    s.clusters[0].retry.backoff = {.base = 1ms, .most = 1ms};
  });
  FakeExchange& exchange = ask();
  rig().request(0);
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().until([&] { return !rig().tries.empty(); }));
  rig().advance(10ms, 1ms);
  EXPECT_THAT(rig().request(1), HasSubstr("\r\nUpgrade: websocket\r\n"));
  rig().upstreams[1]->peer().send(kSwitched);
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel != nullptr; }));
  exchange.end_tunnel(Cause::client_left_tunnel, How::rst);
  EXPECT_EQ(causes(exchange), "upstream.closed_no_head app.cancelled");
}

TEST_P(ProxyTunnelTest, a_status_that_is_retried_and_no_server_left) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].retry.statuses = {503};
    s.clusters[0].retry.backoff = {.base = 1ms, .most = 1ms};
  });
  FakeExchange& exchange = ask();
  rig().serve("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return !rig().tries.empty(); }));
  rig().advance(10ms, 1ms);
  rig().serve(kSwitched);
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel != nullptr; }));
}

TEST_P(ProxyTunnelTest, a_client_that_left_meanwhile_gets_no_tunnel) {
  PROXYING();
  FakeExchange& exchange = ask();
  rig().request();
  exchange.leave_silently(Cause::client_left_waiting);
  server().send(kSwitched);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_TRUE(connection_ended("policy.other_leg"));
}

TEST_P(ProxyTunnelTest, a_client_that_left_and_whose_request_may_run_gets_none_either) {
  PROXYING(1, [](GatewaySettings& s) { s.routes[0].on_client_gone = OnClientGone::run; });
  FakeExchange& exchange = ask();
  rig().request();
  exchange.leave();
  EXPECT_FALSE(exchange.ended);
  server().send(kSwitched);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.aborted, Cause::client_left_waiting);
  EXPECT_TRUE(connection_ended("policy.other_leg"));
}

TEST_P(ProxyTunnelTest, a_field_that_cannot_be_sent) {
  PROXYING();
  FakeExchange& exchange = ask();
  exchange.refuse_heads = true;
  rig().serve(kSwitched);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 502);
  EXPECT_EQ(exchange.cause, Cause::upstream_bad_head);
}

// ---- Its end

TEST_P(ProxyTunnelTest, the_client_finishes_first) {
  PROXYING();
  FakeExchange& exchange = open();
  exchange.feed_tunnel("last");
  exchange.finish_tunnel();
  ASSERT_TRUE(rig().until([&] { return server().at_end; }));
  EXPECT_EQ(server().received, "last");
  EXPECT_FALSE(exchange.tunnel_finished);
  server().send("more");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "more"; }));
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  EXPECT_TRUE(connection_ended("ok.tunnel_done"));
  ASSERT_FALSE(exchange.ended) << "the client may still take the last of it";
  exchange.end_tunnel(Cause::ok_tunnel_done, How::fin);
  EXPECT_EQ(causes(exchange), "ok.tunnel_done");
  EXPECT_THAT(rig().tries, ElementsAre("ok.tunnel_done"));
}

TEST_P(ProxyTunnelTest, the_server_finishes_first) {
  PROXYING();
  FakeExchange& exchange = open("bye");
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  EXPECT_EQ(exchange.body, "bye");
  exchange.feed_tunnel("yes");
  EXPECT_TRUE(server_got("yes"));
  exchange.finish_tunnel();
  exchange.end_tunnel(Cause::ok_tunnel_done, How::fin);
  EXPECT_EQ(causes(exchange), "ok.tunnel_done") << "its own record is a turn behind";
  EXPECT_TRUE(connection_ended("ok.tunnel_done"));
  EXPECT_TRUE(server().at_end);
}

TEST_P(ProxyTunnelTest, what_is_left_for_a_slow_server_outlives_the_client) {
  PROXYING();
  FakeExchange& exchange = open();
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  server().reading = false;
  const std::string much(8 << 20, 'x');
  exchange.feed_tunnel(much);
  exchange.finish_tunnel();
  exchange.end_tunnel(Cause::ok_tunnel_done, How::fin);
  rig().settle();
  EXPECT_TRUE(rig().connections.empty());
  server().reading = true;
  ASSERT_TRUE(rig().until([&] { return server().at_end; }));
  EXPECT_TRUE(server().received == much);
  EXPECT_TRUE(connection_ended("ok.tunnel_done"));
}

TEST_P(ProxyTunnelTest, a_client_that_does_not_take_the_last_of_it_is_not_kept_for_ever) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].timeouts.tunnel_idle = 5s; });
  FakeExchange& exchange = open("bye");
  exchange.finish_tunnel();
  server().finish();
  EXPECT_TRUE(connection_ended("ok.tunnel_done"));
  rig().advance(4s);
  EXPECT_FALSE(exchange.ended);
  rig().advance(2s);
  EXPECT_EQ(exchange.aborted, Cause::timeout_tunnel_idle);
  EXPECT_EQ(causes(exchange), "ok.tunnel_done");
}

TEST_P(ProxyTunnelTest, the_server_resets) {
  PROXYING();
  FakeExchange& exchange = open();
  server().reset();
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.aborted, Cause::upstream_left_tunnel);
  EXPECT_EQ(causes(exchange), "upstream.left_tunnel");
  EXPECT_TRUE(connection_ended("upstream.left_tunnel"));
  EXPECT_EQ(rig().upstreams[0]->peers.size(), 1U) << "nothing of a tunnel is sent again";
}

/// The server has sent all it had, and does not want what the client still sends: its RST takes
/// nothing from a client that has yet to get the last of it.
TEST_P(ProxyTunnelTest, a_reset_behind_the_server_s_fin) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].timeouts.tunnel_idle = 5s; });
  FakeExchange& exchange = open("all of it");
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  server().close();
  exchange.feed_tunnel("x");
  ASSERT_TRUE(connection_ended("upstream.left_tunnel"));
  rig().settle();
  ASSERT_FALSE(exchange.ended);
  EXPECT_EQ(exchange.body, "all of it");
  EXPECT_FALSE(exchange.reading_paused);
  exchange.feed_tunnel("nobody takes this");
  exchange.finish_tunnel();
  exchange.end_tunnel(Cause::ok_tunnel_done, How::fin);
  EXPECT_EQ(causes(exchange), "upstream.left_tunnel");
}

TEST_P(ProxyTunnelTest, a_reset_behind_the_server_s_fin_lets_a_blocked_client_speak_again) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].timeouts.tunnel_idle = 5s; });
  FakeExchange& exchange = open();
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  server().reading = false;
  for (int i = 0; i < 1024 && !exchange.reading_paused; ++i) {
    exchange.feed_tunnel(std::string(64 << 10, 'x'));
    rig().turn();
  }
  ASSERT_TRUE(exchange.reading_paused);
  server().close();
  ASSERT_TRUE(connection_ended("upstream.left_tunnel"));
  EXPECT_FALSE(exchange.reading_paused) << "its FIN would not be seen";
  rig().advance(6s);
  EXPECT_EQ(exchange.aborted, Cause::timeout_tunnel_idle) << "it is not kept for ever";
}

TEST_P(ProxyTunnelTest, the_client_resets) {
  PROXYING();
  FakeExchange& exchange = open();
  exchange.end_tunnel(Cause::client_left_tunnel, How::rst);
  EXPECT_TRUE(connection_ended("policy.other_leg"));
  EXPECT_EQ(causes(exchange), "app.cancelled");
  ASSERT_TRUE(rig().until([&] { return server().gone(); }));
  EXPECT_TRUE(server().was_reset) << "a FIN would say that the client has finished";
}

// ---- Time and bytes

TEST_P(ProxyTunnelTest, silence_ends_it_and_bytes_either_way_keep_it) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].timeouts.tunnel_idle = 1h;
    s.routes[0].timeouts.tunnel_idle = 5s;
  });
  FakeExchange& exchange = open();
  for (int i = 0; i < 3; ++i) {
    rig().advance(4s);
    exchange.feed_tunnel("x");
    rig().advance(4s);
    server().send("y");
    rig().settle();
  }
  EXPECT_EQ(exchange.body, "yyy");
  ASSERT_FALSE(exchange.ended);
  rig().advance(6s);
  EXPECT_EQ(exchange.aborted, Cause::timeout_tunnel_idle);
  EXPECT_EQ(causes(exchange), "timeout.tunnel_idle");
  EXPECT_TRUE(connection_ended("timeout.tunnel_idle"));
}

TEST_P(ProxyTunnelTest, the_budgets_of_a_request_are_for_its_answer) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].timeouts.try_ = 2s;
    s.clusters[0].timeouts.request_total = 3s;
    s.clusters[0].timeouts.response_idle = 1s;
  });
  FakeExchange& exchange = open();
  rig().advance(10s);
  ASSERT_FALSE(exchange.ended);
  exchange.feed_tunnel("still here");
  EXPECT_TRUE(server_got("still here"));
}

TEST_P(ProxyTunnelTest, a_slow_server_holds_the_client_back) {
  PROXYING();
  FakeExchange& exchange = open();
  server().reading = false;
  const std::string piece(64 << 10, 'x');
  std::size_t fed = 0;
  for (; !exchange.reading_paused && fed < 64 << 20; fed += piece.size()) {
    exchange.feed_tunnel(piece);
    rig().turn();
  }
  ASSERT_TRUE(exchange.reading_paused);
  server().reading = true;
  ASSERT_TRUE(rig().until([&] { return !exchange.reading_paused; }));
  ASSERT_TRUE(rig().until([&] { return server().received.size() == fed; }));
}

TEST_P(ProxyTunnelTest, a_slow_client_holds_the_server_back) {
  PROXYING();
  FakeExchange& exchange = open();
  exchange.close_window();
  const std::string much(16 << 20, 'x');
  server().send(much);
  rig().settle(100);
  EXPECT_FALSE(server().sent_all()) << "it was read though nobody takes it";
  const std::size_t taken = exchange.body.size();
  EXPECT_LT(taken, 1U << 20);
  rig().settle(20);
  EXPECT_EQ(exchange.body.size(), taken);
  exchange.open_window();
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  EXPECT_TRUE(exchange.body == much) << "the FIN comes behind the last byte";
}

// ---- The gateway goes, or changes

TEST_P(ProxyTunnelTest, it_lives_on_through_reloads) {
  PROXYING();
  FakeExchange& exchange = open();
  rig().reload([](GatewaySettings& s) {
    s.clusters[0].name = "another";
    s.routes[0].cluster = "another";
    s.routes[0].upgrade.clear();
  });
  rig().settle();
  exchange.feed_tunnel("still here");
  EXPECT_TRUE(server_got("still here"));
  server().send("me too");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "me too"; }));
  exchange.finish_tunnel();
  server().finish();
  EXPECT_TRUE(connection_ended("ok.tunnel_done"));
}

TEST_P(ProxyTunnelTest, a_drain_waits_for_it) {
  PROXYING();
  FakeExchange& exchange = open();
  rig().proxy->close(Cause::operator_shutdown);
  rig().settle();
  EXPECT_FALSE(exchange.ended);
  EXPECT_EQ(rig().emptied, 0);
  exchange.feed_tunnel("still here");
  EXPECT_TRUE(server_got("still here"));
  exchange.finish_tunnel();
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  ASSERT_FALSE(exchange.ended);
  exchange.end_tunnel(Cause::ok_tunnel_done, How::fin);
  ASSERT_TRUE(rig().until([&] { return rig().emptied > 0; }));
  EXPECT_THAT(rig().connections, ElementsAre("ok.tunnel_done"));
}

TEST_P(ProxyTunnelTest, the_end_of_a_drain_ends_both_legs) {
  PROXYING();
  FakeExchange& exchange = open();
  exchange.end_tunnel(Cause::timeout_drain, How::timeout);
  EXPECT_TRUE(connection_ended("timeout.drain"));
  EXPECT_EQ(causes(exchange), "timeout.drain");
}

TEST_P(ProxyTunnelTest, cut_with_the_gateway) {
  PROXYING();
  FakeExchange& exchange = open();
  rig().proxy->cut(Cause::operator_shutdown_forced);
  EXPECT_EQ(exchange.aborted, Cause::operator_shutdown_forced);
  EXPECT_TRUE(connection_ended("operator.shutdown_forced"));
}

TEST_P(ProxyTunnelTest, cut_while_only_the_server_has_to_take_the_rest) {
  PROXYING();
  FakeExchange& exchange = open();
  server().finish();
  ASSERT_TRUE(rig().until([&] { return exchange.tunnel_finished; }));
  server().reading = false;
  exchange.feed_tunnel(std::string(8 << 20, 'x'));
  exchange.finish_tunnel();
  exchange.end_tunnel(Cause::ok_tunnel_done, How::fin);
  rig().proxy->cut(Cause::operator_shutdown_forced);
  EXPECT_TRUE(connection_ended("operator.shutdown_forced"));
}

TEST_P(ProxyTunnelTest, it_holds_its_place_in_the_cluster) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].breaker.limits.requests = 1; });
  FakeExchange& exchange = open();
  FakeExchange& next = rig().get();
  rig().settle();
  EXPECT_THAT(next.queued, ElementsAre(true));
  exchange.end_tunnel(Cause::client_left_tunnel, How::rst);
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_EQ(next.status, 200);
}

FINACK_GATEWAY_SUITE(ProxyTunnelTest);

}  // namespace
}  // namespace finack::gateway::tests
