// Requests and responses on their way through, as long as nothing fails.
#include "gateway/proxy.h"

#include <gmock/gmock.h>

#include "gateway/gateway_rig.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ProxyTest : public GatewayTest {};

TEST_P(ProxyTest, a_get_goes_there_and_back) {
  PROXYING();
  FakeExchange& exchange = rig().get("/path?q=1");
  const std::string head = rig().request();
  EXPECT_THAT(head, StartsWith("GET /path?q=1 HTTP/1.1\r\nHost: test\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-For: 127.0.0.1\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
  rig().upstreams[0]->peer().send("HTTP/1.1 203 Fine\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 203);
  EXPECT_EQ(exchange.body, "hello");
  EXPECT_EQ(exchange.header_sent("X-A"), "b");
  EXPECT_EQ(exchange.cause, Cause::unknown);
  EXPECT_FALSE(exchange.aborted);
  EXPECT_EQ(exchange.route, "all");
  ASSERT_EQ(exchange.upstream.size(), 1U);
  EXPECT_EQ(exchange.upstream[0].cause, Cause::ok_completed);
  EXPECT_EQ(exchange.upstream[0].address.port, rig().upstreams[0]->port);
  EXPECT_GT(exchange.upstream[0].connection.sequence, 0U);
  EXPECT_EQ(exchange.upstream[0].attempt, 1);
  EXPECT_FALSE(exchange.upstream[0].reused);
}

TEST_P(ProxyTest, the_connection_serves_the_next_request) {
  PROXYING();
  for (int i = 0; i < 3; ++i) {
    FakeExchange& exchange = rig().get();
    rig().serve(kOk);
    ASSERT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.upstream[0].reused, i > 0);
  }
  EXPECT_EQ(rig().upstreams[0]->peers.size(), 1U);
}

TEST_P(ProxyTest, an_absolute_target_becomes_a_path) {
  PROXYING();
  for (const auto& [target, sent] :
       {std::pair("http://a.test/a?b", "/a?b"), std::pair("http://a.test?b", "/?b"),
        std::pair("http://a.test", "/")}) {
    FakeExchange& exchange = rig().get(target);
    EXPECT_THAT(rig().request(),
                StartsWith(fmt::format("GET {} HTTP/1.1\r\nHost: a.test\r\n", sent)));
    rig().upstreams[0]->peer().send(kOk);
    ASSERT_TRUE(rig().ended(exchange));
  }
}

// HTTP/1.0 has no Host, and nginx answers an empty one with 400.
TEST_P(ProxyTest, a_request_without_a_host_names_the_server) {
  PROXYING();
  rig().ask(rig().make("GET", "/x").set_host(""));
  EXPECT_THAT(rig().request(), StartsWith(fmt::format("GET /x HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n",
                                                      rig().upstreams[0]->port)));
}

TEST_P(ProxyTest, a_body_at_hand_goes_with_the_head) {
  PROXYING();
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").set_body("some bytes"));
  EXPECT_THAT(rig().request(), HasSubstr("Content-Length: 10\r\n"));
  EXPECT_EQ(rig().upstreams[0]->peer().received, "some bytes");
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.body, "ok");
}

TEST_P(ProxyTest, a_body_of_known_length_streams) {
  PROXYING();
  FakeExchange& exchange = rig().ask(rig().make("PUT", "/x").set_content_length(6));
  EXPECT_THAT(rig().request(), HasSubstr("Content-Length: 6\r\n"));
  exchange.feed("abc");
  auto& peer = rig().upstreams[0]->peer();
  ASSERT_TRUE(rig().until([&] { return peer.received == "abc"; }));
  exchange.feed("def");
  exchange.end_body();
  ASSERT_TRUE(rig().until([&] { return peer.received == "abcdef"; }));
  peer.send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(causes(exchange), "ok.completed");
}

TEST_P(ProxyTest, a_chunked_body_streams_with_its_trailers) {
  PROXYING();
  FakeExchange& exchange =
      rig().ask(rig().make("POST", "/x").expect_body().add_trailer("X-Sum", "1"));
  EXPECT_THAT(rig().request(), HasSubstr("Transfer-Encoding: chunked\r\n"));
  exchange.feed("abc");
  exchange.end_body();
  auto& peer = rig().upstreams[0]->peer();
  ASSERT_TRUE(rig().until([&] { return peer.received.find("\r\n\r\n") != std::string::npos; }));
  EXPECT_EQ(peer.received, "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
  peer.send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
}

// A trailer is no way around what holds for the head.
TEST_P(ProxyTest, the_trailers_of_a_request_are_held_to_the_rules_of_its_head) {
  PROXYING(1, [](GatewaySettings& s) {
    s.routes[0].headers.request.remove = {"X-Secret"};
    s.routes[0].headers.request.set = {{"X-Role", "guest"}};
  });
  FakeExchange& exchange = rig().make("POST", "/x").expect_body();
  exchange.add_header("Connection", "X-Hop");
  for (const char* name : {"X-Forwarded-For", "X_Forwarded_For", "X-Real-IP", "Forwarded", "Via",
                           "X-Request-Id", "x-secret", "X-ROLE", "X-Hop", "X-Sum"})
    exchange.add_trailer(name, "1");
  rig().ask(exchange);
  rig().request();
  exchange.feed("abc");
  exchange.end_body();
  auto& peer = rig().upstreams[0]->peer();
  ASSERT_TRUE(rig().until([&] { return peer.received.find("\r\n\r\n") != std::string::npos; }));
  EXPECT_EQ(peer.received, "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
  peer.send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
}

TEST_P(ProxyTest, an_interim_response_is_not_edited) {
  PROXYING(1, [](GatewaySettings& s) {
    s.routes[0].headers.response.set = {{"Strict-Transport-Security", "max-age=1"}};
    s.routes[0].headers.response.remove = {"Link"};
  });
  FakeExchange& exchange = rig().get();
  rig().serve(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nKeep-Alive: timeout=1\r\n\r\n"
      "HTTP/1.1 200 OK\r\nLink: </b>\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_THAT(exchange.informed_headers,
              ElementsAre(std::pair("Link", "</a>"), std::pair("Via", "1.1 finack (mark)")));
  EXPECT_EQ(exchange.header_sent("Link"), "");
  EXPECT_EQ(exchange.header_sent("Strict-Transport-Security"), "max-age=1");
}

TEST_P(ProxyTest, an_upload_waits_for_the_server) {
  PROXYING();
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  auto& peer = rig().upstreams[0]->peer();
  peer.reading = false;
  constexpr std::size_t kPiece = 64 * 1024;
  std::size_t fed = 0;
  const auto waits = [&] { return exchange.pieces_waiting() > 0; };
  while (!waits() && fed < 64 * 1024 * 1024) {
    exchange.feed(std::string(kPiece, 'u'));
    fed += kPiece;
    rig().turn(0ms);
  }
  EXPECT_TRUE(waits()) << "the gateway takes without end";
  exchange.end_body();
  peer.reading = true;
  ASSERT_TRUE(rig().until([&] { return peer.received.ends_with("0\r\n\r\n"); }));
  EXPECT_GT(peer.received.size(), fed);
  peer.send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
}

TEST_P(ProxyTest, a_response_streams_as_it_comes) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  EXPECT_TRUE(exchange.streamed);
  EXPECT_EQ(exchange.content_length, 6U);
  EXPECT_FALSE(exchange.ended);
  rig().upstreams[0]->peer().send("def");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.body, "abcdef");
  EXPECT_EQ(causes(exchange), "ok.completed");
}

TEST_P(ProxyTest, a_chunked_response_streams_with_its_trailers) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
  EXPECT_EQ(exchange.content_length, http::ResponseHead::kChunked);
  EXPECT_EQ(exchange.header_sent("Transfer-Encoding"), "");
  rig().upstreams[0]->peer().send("0\r\nX-Sum: 7\r\n\r\n");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_THAT(exchange.trailers_sent, ElementsAre(std::pair("X-Sum", "7")));
}

TEST_P(ProxyTest, a_small_chunked_response_is_told_by_its_length) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_FALSE(exchange.streamed);
  EXPECT_EQ(exchange.content_length, 3U);
  EXPECT_EQ(exchange.body, "abc");
}

TEST_P(ProxyTest, a_response_until_the_close_is_whole) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\n\r\nall of it");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "all of it"; }));
  EXPECT_FALSE(exchange.ended);
  rig().upstreams[0]->peer().close();
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(causes(exchange), "upstream.body_end_unproved");
}

TEST_P(ProxyTest, a_slow_client_holds_the_server) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  exchange.close_window();
  auto& upstream = *rig().upstreams[0];
  constexpr std::size_t kSize = 16 * 1024 * 1024;
  rig().serve(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kSize));
  upstream.peer().send(std::string(kSize, 'r'));
  rig().settle(50);
  EXPECT_LT(exchange.body.size(), 1024U * 1024);
  EXPECT_FALSE(upstream.peer().sent_all());
  rig().advance(60s, 10s);
  EXPECT_FALSE(exchange.ended) << "the server is not to blame for a slow client";
  exchange.open_window();
  ASSERT_TRUE(rig().until([&] { return exchange.ended; }, 20s));
  EXPECT_EQ(exchange.body.size(), kSize);
  EXPECT_FALSE(exchange.aborted);
}

TEST_P(ProxyTest, a_long_response_is_passed_on_without_a_copy) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  std::string body(1024 * 1024, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i % 251);
  rig().serve(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  ASSERT_TRUE(rig().until([&] { return exchange.ended; }, 20s));
  EXPECT_EQ(exchange.body, body);
  EXPECT_GT(exchange.buffers_taken, 16U);
}

TEST_P(ProxyTest, responses_without_a_body) {
  PROXYING();
  FakeExchange& head = rig().ask(rig().make("HEAD", "/x"));
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  ASSERT_TRUE(rig().ended(head));
  EXPECT_EQ(head.content_length, 1000U);
  EXPECT_EQ(head.body, "");
  for (const int status : {204, 304}) {
    FakeExchange& exchange = rig().get();
    rig().serve(fmt::format("HTTP/1.1 {} X\r\nETag: \"e\"\r\n\r\n", status));
    ASSERT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.status, status);
    EXPECT_EQ(exchange.header_sent("ETag"), "\"e\"");
    EXPECT_FALSE(exchange.aborted);
  }
  FakeExchange& reset = rig().get();
  rig().serve("HTTP/1.1 205 X\r\nContent-Length: 3\r\n\r\nabc");
  ASSERT_TRUE(rig().ended(reset));
  EXPECT_EQ(reset.body, "") << "RFC 9110 15.3.6";
  EXPECT_EQ(reset.content_length, 0U);
  EXPECT_EQ(rig().upstreams[0]->peers.size(), 1U) << "the connection stayed in step";
}

TEST_P(ProxyTest, early_hints_go_through_and_a_100_does_not) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return !exchange.informed.empty(); }));
  EXPECT_THAT(exchange.informed, ElementsAre(103));
  EXPECT_THAT(exchange.informed_headers, testing::Contains(std::pair("Link", "</a>")));
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.header_sent("Link"), "");
}

TEST_P(ProxyTest, an_early_reply_reaches_the_client) {
  PROXYING();
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  exchange.feed("some");
  rig().upstreams[0]->peer().send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 401);
  EXPECT_EQ(exchange.body, "no");
  EXPECT_EQ(causes(exchange), "upstream.early_reply");
}

TEST_P(ProxyTest, an_early_reply_may_stream_while_the_body_goes_on) {
  PROXYING();
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  auto& peer = rig().upstreams[0]->peer();
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return exchange.streamed; }));
  exchange.feed("ping");
  ASSERT_TRUE(rig().until([&] { return peer.received.find("ping") != std::string::npos; }));
  peer.send("4\r\npong\r\n");
  ASSERT_TRUE(rig().until([&] { return exchange.body == "pong"; }));
  exchange.end_body();
  ASSERT_TRUE(rig().until([&] { return peer.received.ends_with("0\r\n\r\n"); }));
  peer.send("0\r\n\r\n");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(causes(exchange), "ok.completed");
}

TEST_P(ProxyTest, an_early_reply_then_a_close_is_kept) {
  PROXYING();
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  auto& peer = rig().upstreams[0]->peer();
  peer.send("HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
  peer.pump();
  peer.reset();
  exchange.feed(std::string(1000, 'x'));
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 413);
  EXPECT_EQ(exchange.body, "no");
}

TEST_P(ProxyTest, extra_bytes_end_the_connection_and_not_the_request) {
  PROXYING();
  FakeExchange& exchange = rig().get();
  rig().serve(std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nevil!");
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.body, "ok");
  ASSERT_TRUE(rig().until([&] { return !rig().connections.empty(); }));
  EXPECT_THAT(rig().connections, ElementsAre("upstream.extra_data"));
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_EQ(next.body, "ok");
}

TEST_P(ProxyTest, connection_close_every_time) {
  PROXYING();
  for (std::size_t i = 1; i <= 3; ++i) {
    FakeExchange& exchange = rig().get();
    rig().serve("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    ASSERT_TRUE(rig().ended(exchange));
    rig().upstreams[0]->peer().close();
    EXPECT_EQ(exchange.header_sent("Connection"), "");
    EXPECT_FALSE(exchange.close);
    EXPECT_EQ(rig().upstreams[0]->peers.size(), i);
    ASSERT_TRUE(rig().until([&] { return rig().connections.size() == i; }));
    EXPECT_EQ(rig().connections.back(), "ok.completed");
  }
}

TEST_P(ProxyTest, what_no_route_takes_is_answered_here) {
  PROXYING(1, [](GatewaySettings& s) {
    s.routes[0].match.prefix = "/api";
    s.routes.push_back(
        {.name = "old", .match = {.exact = "/old"}, .redirect = RedirectSettings{.to = "/new"}});
    s.routes.push_back({.name = "fixed",
                        .match = {.exact = "/health"},
                        .respond = RespondSettings{.status = 200, .body = "well"}});
  });
  FakeExchange& none = rig().get("/other");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.cause, Cause::policy_no_route);
  FakeExchange& tricky = rig().get("/api/..%2fold");
  EXPECT_EQ(tricky.status, 400);
  EXPECT_EQ(tricky.cause, Cause::policy_smuggling);
  FakeExchange& old = rig().get("/old");
  EXPECT_EQ(old.status, 308);
  EXPECT_EQ(old.header_sent("Location"), "/new");
  FakeExchange& fixed = rig().get("/health");
  EXPECT_EQ(fixed.body, "well");
  EXPECT_TRUE(rig().proxy->empty());
}

TEST_P(ProxyTest, a_rewritten_path_is_what_the_server_sees) {
  PROXYING(1, [](GatewaySettings& s) {
    s.routes[0].match.prefix = "/api";
    s.routes[0].rewrite = RewriteSettings{.prefix = "/v1"};
  });
  FakeExchange& exchange = rig().get("/api/a?b=c");
  EXPECT_THAT(rig().request(), StartsWith("GET /v1/a?b=c HTTP/1.1\r\n"));
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(exchange));
}

TEST_P(ProxyTest, a_request_that_came_back_is_refused) {
  PROXYING();
  FakeExchange& exchange =
      rig().ask(rig().make("GET", "/x").add_header("Via", "1.1 finack (mark)"));
  EXPECT_EQ(exchange.status, 508);
  EXPECT_EQ(exchange.cause, Cause::policy_loop);
}

TEST_P(ProxyTest, a_route_may_allow_less_than_the_listener) {
  PROXYING(1, [](GatewaySettings& s) { s.routes[0].max_body_bytes = 10; });
  FakeExchange& known = rig().ask(rig().make("POST", "/x").set_content_length(11));
  EXPECT_EQ(known.status, 413);
  EXPECT_EQ(known.cause, Cause::policy_body_too_large);
  FakeExchange& chunks = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  chunks.feed("0123456789");
  EXPECT_FALSE(chunks.ended);
  chunks.feed("0");
  ASSERT_TRUE(rig().ended(chunks));
  EXPECT_EQ(chunks.status, 413);
  EXPECT_EQ(causes(chunks), "app.cancelled");
}

FINACK_GATEWAY_SUITE(ProxyTest);

}  // namespace
}  // namespace finack::gateway::tests
