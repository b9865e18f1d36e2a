// What the client is told, and what the record says, when servers fail.
#include <gmock/gmock.h>

#include "gateway/gateway_rig.h"
#include "net/tls_peer.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;
using testing::ElementsAre;

class ProxyFailureTest : public GatewayTest {
 protected:
  static void one_try(GatewaySettings& s) { s.clusters[0].retry.tries = 1; }
  /// Backoffs take no time.
  static void at_once(GatewaySettings& s) {
    s.clusters[0].retry.backoff = {.base = 0ns, .most = 0ns};
  }
  bool ended(FakeExchange& exchange) {
    return rig().until([&] {
      rig().clock().advance(1ms);
      return exchange.ended;
    });
  }
  static void told(const FakeExchange& exchange, int status, Cause cause) {
    EXPECT_EQ(exchange.status, status);
    EXPECT_EQ(exchange.cause, cause);
    EXPECT_FALSE(exchange.aborted);
  }
};

/// How a server fails, and what the client is told with one try.
struct Failure {
  const char* what;
  std::function<void(Client&)> act;
  Cause cause;
};

TEST_P(ProxyFailureTest, a_response_that_never_begins_is_a_502) {
  const std::vector<Failure> failures = {
      {"FIN", [](Client& c) { c.finish(); }, Cause::upstream_closed_no_head},
      {"RST", [](Client& c) { c.reset(); }, Cause::upstream_closed_no_head},
      {"100 and FIN",
       [](Client& c) {
         c.send("HTTP/1.1 100 Continue\r\n\r\n");
         c.finish();
       },
       Cause::upstream_closed_no_head},
      {"cut head",
       [](Client& c) {
         c.send("HTTP/1.1 200 OK\r\nContent-Le");
         c.finish();
       },
       Cause::upstream_head_truncated},
      {"malformed", [](Client& c) { c.send("HTTP/1.1 banana\r\n\r\n"); }, Cause::upstream_bad_head},
      {"framing",
       [](Client& c) {
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
       },
       Cause::upstream_bad_framing},
      {"oversized",
       [](Client& c) { c.send("HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n"); },
       Cause::upstream_head_too_large},
  };
  for (const Failure& failure : failures) {
    SCOPED_TRACE(failure.what);
    PROXYING(1, one_try);
    FakeExchange& exchange = rig().get();
    rig().request();
    failure.act(rig().upstreams[0]->peer());
    ASSERT_TRUE(rig().ended(exchange));
    told(exchange, 502, failure.cause);
    EXPECT_EQ(causes(exchange), words(failure.cause));
    EXPECT_EQ(exchange.header_sent("Retry-After"), "");
  }
}

TEST_P(ProxyFailureTest, a_response_that_breaks_off_is_cut) {
  const std::vector<Failure> failures = {
      {"FIN", [](Client& c) { c.finish(); }, Cause::upstream_body_truncated},
      {"RST", [](Client& c) { c.reset(); }, Cause::upstream_body_truncated},
      {"bad chunk", [](Client& c) { c.send("zz\r\n"); }, Cause::upstream_bad_framing},
  };
  for (const Failure& failure : failures) {
    SCOPED_TRACE(failure.what);
    PROXYING();
    FakeExchange& exchange = rig().get();
    rig().serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
    failure.act(rig().upstreams[0]->peer());
    ASSERT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.aborted, failure.cause);
    EXPECT_EQ(causes(exchange), words(failure.cause));
  }
}

TEST_P(ProxyFailureTest, refused_everywhere) {
  PROXYING(2, at_once);
  for (auto& upstream : rig().upstreams) upstream->close();
  FakeExchange& exchange = rig().get();
  ASSERT_TRUE(ended(exchange));
  told(exchange, 502, Cause::upstream_retries_spent);
  EXPECT_EQ(causes(exchange), "upstream.refused upstream.refused upstream.refused");
  EXPECT_NE(exchange.upstream[0].address.port, exchange.upstream[1].address.port);
  EXPECT_EQ(exchange.upstream[2].attempt, 3);
}

TEST_P(ProxyFailureTest, refused_with_one_try) {
  PROXYING(1, one_try);
  rig().upstreams[0]->close();
  FakeExchange& exchange = rig().get();
  ASSERT_TRUE(ended(exchange));
  told(exchange, 502, Cause::upstream_refused);
}

TEST_P(ProxyFailureTest, another_server_answers) {
  PROXYING(2, at_once);
  rig().upstreams[0]->close();
  for (int i = 0; i < 4; ++i) {
    FakeExchange& exchange = rig().ask(rig().make("POST", "/x").set_body("b"));
    ASSERT_TRUE(rig().until([&] {
      rig().clock().advance(1ms);
      const auto& peers = rig().upstreams[1]->peers;
      return !peers.empty() && peers.back()->received.find("\r\n\r\n") != std::string::npos;
    }));
    rig().serve(kOk, 1);
    ASSERT_TRUE(ended(exchange));
    EXPECT_EQ(exchange.status, 200) << "nothing of the POST was sent to the one that refused";
  }
}

TEST_P(ProxyFailureTest, retries_wait_with_jitter) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].retry.backoff = {.base = 10s, .most = 10s}; });
  FakeExchange& exchange = rig().get();
  rig().request();
  rig().upstreams[0]->peer().reset();
  rig().settle();
  EXPECT_FALSE(exchange.ended);
  EXPECT_EQ(rig().upstreams[0]->peers.size(), 1U) << "the wait is not over";
  rig().advance(10s);
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(causes(exchange), "upstream.closed_no_head ok.completed");
}

TEST_P(ProxyFailureTest, an_unsafe_request_that_may_have_been_processed_is_not_repeated) {
  PROXYING(2, at_once);
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").set_body("order"));
  rig().request();
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(ended(exchange));
  told(exchange, 502, Cause::upstream_closed_no_head);
  EXPECT_EQ(exchange.upstream.size(), 1U);
}

TEST_P(ProxyFailureTest, a_route_may_say_that_all_its_requests_may_be_repeated) {
  PROXYING(1, [](GatewaySettings& s) {
    at_once(s);
    s.routes[0].retry.idempotent = true;
  });
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").set_body("order"));
  rig().request();
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().until([&] {
    rig().clock().advance(1ms);
    return rig().upstreams[0]->peers.size() == 2;
  }));
  ASSERT_TRUE(rig().until([&] { return rig().upstreams[0]->peer().received.ends_with("order"); }));
  rig().serve(kOk);
  ASSERT_TRUE(ended(exchange));
  EXPECT_EQ(exchange.status, 200);
}

TEST_P(ProxyFailureTest, a_streamed_body_is_sent_again_while_it_is_held) {
  PROXYING(2, at_once);
  FakeExchange& exchange = rig().ask(rig().make("PUT", "/x").expect_body());
  rig().request();
  exchange.feed("part ");
  ASSERT_TRUE(rig().until(
      [&] { return rig().upstreams[0]->peer().received.find("part") != std::string::npos; }));
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().until([&] {
    rig().clock().advance(1ms);
    const auto& peers = rig().upstreams[1]->peers;
    return !peers.empty() && peers[0]->received.find("part") != std::string::npos;
  }));
  exchange.feed("rest");
  exchange.end_body();
  auto& peer = rig().upstreams[1]->peer();
  ASSERT_TRUE(rig().until([&] { return peer.received.ends_with("0\r\n\r\n"); }));
  EXPECT_THAT(peer.received, testing::EndsWith("5\r\npart \r\n4\r\nrest\r\n0\r\n\r\n"));
  rig().serve(kOk, 1);
  ASSERT_TRUE(ended(exchange));
  EXPECT_EQ(exchange.status, 200);
}

TEST_P(ProxyFailureTest, a_body_that_is_gone_cannot_be_sent_again) {
  PROXYING(2, at_once);
  FakeExchange& exchange = rig().ask(rig().make("PUT", "/x").expect_body());
  rig().request();
  for (int i = 0; i < 3; ++i) exchange.feed(std::string(RequestBody::kHeld / 2, 'b'));
  rig().settle();
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(ended(exchange));
  told(exchange, 502, Cause::upstream_replay_impossible);
}

TEST_P(ProxyFailureTest, a_post_on_a_connection_that_proves_stale_is_sent_again) {
  PROXYING(1, at_once);
  FakeExchange& first = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(first));
  auto& upstream = *rig().upstreams[0];
  // The reset stands in the kernel before the loop looks: nothing of the POST can have been read.
  FakeExchange& post = rig().ask(rig().make("POST", "/x").set_body("order"));
  upstream.peer().reset();
  ASSERT_TRUE(rig().until([&] { return upstream.peers.size() == 2; }));
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(post));
  EXPECT_EQ(post.status, 200);
  EXPECT_EQ(rig().cluster().retry_budget().taken(), 0U);
}

TEST_P(ProxyFailureTest, a_tls_body_without_its_end_is_cut_for_the_client_too) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].tls = UpstreamTlsSettings{.ca = net::testing::Certificates::get().file("ca"),
                                            .server_name = "localhost"};
  });
  FakeExchange& exchange = rig().get();
  ASSERT_TRUE(rig().until([&] { return !rig().upstreams[0]->peers.empty(); }));
  Client& accepted = rig().upstreams[0]->peer();
  Fd fd(::fcntl(accepted.fd(), F_DUPFD_CLOEXEC, 3));
  accepted.close();
  net::testing::TlsPeerThread peer(std::move(fd), {}, [](SSL* ssl, Fd& socket) {
    net::testing::tls_read(ssl, 8);
    net::testing::tls_write(ssl, "HTTP/1.1 200 OK\r\n\r\npart of it");
    ::shutdown(socket.get(), SHUT_WR);
    net::testing::read_all(socket.get());
  });
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.body, "part of it");
  EXPECT_EQ(exchange.aborted, Cause::upstream_body_end_unproved);
  EXPECT_EQ(causes(exchange), "upstream.body_end_unproved");
}

TEST_P(ProxyFailureTest, a_slow_client_is_not_the_server_s_fault) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].timeouts.try_ = 1s;
    s.clusters[0].breaker.consecutive_failures = 1;
  });
  FakeExchange& slow = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  slow.feed("some");
  rig().advance(1100ms, 100ms);
  told(slow, 504, Cause::timeout_try);
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_EQ(next.status, 200) << words(next.cause);

  FakeExchange& whole = rig().ask(rig().make("POST", "/x").expect_body());
  rig().request();
  whole.end_body();
  rig().advance(1100ms, 100ms);
  told(whole, 504, Cause::timeout_try);
  EXPECT_EQ(rig().get().cause, Cause::upstream_circuit_open) << "the server had all of that one";
}

// A server that died leaves connections of which each proves stale.
TEST_P(ProxyFailureTest, the_last_try_after_a_stale_connection_goes_to_another_server) {
  PROXYING(2, [](GatewaySettings& s) {
    at_once(s);
    s.clusters[0].retry.tries = 2;
    s.clusters[0].balance = Balance::consistent_hash;  // All requests to one server.
    s.clusters[0].hash.header = "X-Key";
  });
  FakeExchange& first = rig().ask(rig().make("POST", "/x").add_header("X-Key", "1"));
  ASSERT_TRUE(rig().until(
      [&] { return !rig().upstreams[0]->peers.empty() || !rig().upstreams[1]->peers.empty(); }));
  const std::size_t home = rig().upstreams[0]->peers.empty() ? 1 : 0;
  rig().serve(kOk, home);
  ASSERT_TRUE(rig().ended(first));
  // After the turn's events and before the pool hands out what is free, which our kernel then
  // sends.
  struct Death : net::Deferred {
    explicit Death(std::vector<std::unique_ptr<Client>>& of) : connections(of) {}
    void run_deferred() override { connections.clear(); }
    std::vector<std::unique_ptr<Client>>& connections;
  } death(rig().upstreams[home]->peers);
  rig().loop->defer(death);
  FakeExchange& second = rig().ask(rig().make("POST", "/x").add_header("X-Key", "1"));
  ASSERT_TRUE(rig().until([&] { return !rig().upstreams[1 - home]->peers.empty(); }));
  rig().serve(kOk, 1 - home);
  ASSERT_TRUE(rig().ended(second));
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(causes(second), "upstream.stale_reuse ok.completed");
}

TEST_P(ProxyFailureTest, a_status_that_the_rules_name_is_retried) {
  PROXYING(2, [](GatewaySettings& s) {
    at_once(s);
    s.clusters[0].retry.statuses = {503};
  });
  FakeExchange& exchange = rig().get();
  rig().serve("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
  ASSERT_TRUE(rig().until([&] {
    rig().clock().advance(1ms);
    return !rig().upstreams[1]->peers.empty();
  }));
  rig().serve("HTTP/1.1 503 Busy\r\nContent-Length: 400\r\n\r\nbusy", 1);
  ASSERT_TRUE(rig().until([&] {
    rig().clock().advance(1ms);
    const auto& peers = rig().upstreams[0]->peers;
    return peers.back()->received.find("GET") != std::string::npos;
  }));
  rig().serve("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlast", 0);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 503) << "the last try's answer is the client's";
  EXPECT_EQ(exchange.body, "last");
  EXPECT_EQ(exchange.cause, Cause::unknown);
  EXPECT_EQ(causes(exchange), "ok.completed app.cancelled ok.completed");
}

TEST_P(ProxyFailureTest, the_retry_budget_bounds_retries) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].retry.statuses = {503};
    s.clusters[0].retry.budget = {.percent = 0, .least = 1};
    s.clusters[0].retry.tries = 5;
    s.clusters[0].retry.backoff = {.base = 1h, .most = 1h};
  });
  constexpr std::string_view kBusy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
  FakeExchange& first = rig().get();
  rig().serve(kBusy);
  ASSERT_TRUE(rig().until([&] { return rig().cluster().retry_budget().taken() == 1; }));
  FakeExchange& second = rig().get();
  rig().serve(kBusy);
  ASSERT_TRUE(rig().ended(second));
  EXPECT_EQ(second.status, 503);
  EXPECT_FALSE(first.ended);
  EXPECT_EQ(rig().cluster().retry_budget().taken(), 1U);
}

TEST_P(ProxyFailureTest, timeouts_are_504) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].timeouts.first_response_byte = 5s; });
  FakeExchange& exchange = rig().get();
  rig().request();
  rig().advance(6s);
  ASSERT_TRUE(rig().ended(exchange));
  told(exchange, 504, Cause::timeout_first_response_byte);
}

TEST_P(ProxyFailureTest, a_route_has_waits_of_its_own) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].timeouts.first_response_byte = 5s;
    s.routes[0].timeouts.first_response_byte = 20s;
    s.routes.push_back({.name = "fast", .match = {.prefix = "/fast"}, .cluster = "api"});
    s.routes[1].timeouts.first_response_byte = 1s;
  });
  FakeExchange& slow = rig().get("/slow");
  rig().request();
  FakeExchange& fast = rig().get("/fast");
  rig().request();
  rig().advance(2s);
  EXPECT_TRUE(fast.ended);
  EXPECT_FALSE(slow.ended);
  rig().advance(10s);
  EXPECT_FALSE(slow.ended);
  rig().advance(9s);
  EXPECT_TRUE(slow.ended);
  told(slow, 504, Cause::timeout_first_response_byte);
}

TEST_P(ProxyFailureTest, the_budget_of_a_try) {
  PROXYING(2, [](GatewaySettings& s) {
    at_once(s);
    s.clusters[0].timeouts.try_ = 2s;
    s.clusters[0].retry.on_timeout = true;
  });
  FakeExchange& exchange = rig().get();
  rig().request(0);
  rig().advance(2s);
  ASSERT_TRUE(rig().until([&] {
    rig().clock().advance(1ms);
    return !rig().upstreams[1]->peers.empty();
  }));
  rig().serve(kOk, 1);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(causes(exchange), "timeout.try ok.completed");
}

TEST_P(ProxyFailureTest, the_budget_of_a_request) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].timeouts.request_total = 3s;
    s.clusters[0].retry.backoff = {.base = 1h, .most = 1h};
  });
  FakeExchange& waiting = rig().get();
  rig().request();
  rig().advance(4s);
  ASSERT_TRUE(waiting.ended);
  told(waiting, 504, Cause::timeout_request_total);
  EXPECT_EQ(causes(waiting), "timeout.request_total");

  FakeExchange& pausing = rig().get();
  rig().request();
  rig().upstreams[0]->peer().reset();
  rig().settle();
  rig().advance(4s);
  ASSERT_TRUE(pausing.ended);
  told(pausing, 504, Cause::timeout_request_total);

  FakeExchange& streaming = rig().get();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return streaming.body == "abc"; }));
  rig().advance(4s);
  EXPECT_EQ(streaming.aborted, Cause::timeout_request_total);
}

TEST_P(ProxyFailureTest, an_open_breaker_answers_at_once) {
  PROXYING(1, [](GatewaySettings& s) {
    one_try(s);
    s.clusters[0].breaker.consecutive_failures = 2;
    s.clusters[0].breaker.open_for = 5s;
    s.clusters[0].breaker.probe_successes = 1;
  });
  for (int i = 0; i < 2; ++i) {
    FakeExchange& exchange = rig().get();
    rig().request();
    rig().upstreams[0]->peer().reset();
    ASSERT_TRUE(rig().ended(exchange));
  }
  FakeExchange& refused = rig().get();
  told(refused, 503, Cause::upstream_circuit_open);
  EXPECT_EQ(refused.header_sent("Retry-After"), "1");
  rig().advance(6s);
  FakeExchange& probe = rig().get();
  FakeExchange& meanwhile = rig().get();
  EXPECT_EQ(meanwhile.cause, Cause::upstream_circuit_open);
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  ASSERT_TRUE(rig().until([&] { return probe.body == "abc"; }));
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().ended(probe));
  EXPECT_EQ(rig().cluster().breaker().state(), client::BreakerState::closed)
      << "a request says one word to the breaker";
}

TEST_P(ProxyFailureTest, no_healthy_server) {
  PROXYING(2);
  for (std::size_t i = 0; i < 2; ++i) rig().server(i).health.set_drained(true, rig().clock().now());
  FakeExchange& exchange = rig().get();
  told(exchange, 503, Cause::upstream_none_healthy);
  EXPECT_EQ(exchange.header_sent("Retry-After"), "1");
}

TEST_P(ProxyFailureTest, a_server_that_failed_is_asked_last_and_ejected_when_it_fails_in_a_row) {
  PROXYING(2, [](GatewaySettings& s) {
    one_try(s);
    s.clusters[0].health.passive.eject_after = 2;
  });
  rig().upstreams[0]->close();
  const auto failures_of_ten = [&] {
    int failed = 0;
    for (int i = 0; i < 10; ++i) {
      FakeExchange& exchange = rig().get();
      EXPECT_TRUE(rig().until([&] {
        const auto& peers = rig().upstreams[1]->peers;
        return exchange.ended ||
               (!peers.empty() && peers[0]->received.find("\r\n\r\n") != std::string::npos);
      }));
      if (!exchange.ended) rig().serve(kOk, 1);
      EXPECT_TRUE(rig().ended(exchange));
      failed += exchange.status == 502 ? 1 : 0;
    }
    return failed;
  };
  const client::ServerHealth& health = rig().server(0).health;
  EXPECT_EQ(failures_of_ten(), 1);
  EXPECT_TRUE(health.available(rig().clock().now()));
  EXPECT_EQ(failures_of_ten(), 0);
  rig().clock().advance(10s);
  EXPECT_EQ(failures_of_ten(), 1) << "one tries again";
  EXPECT_EQ(health.availability(rig().clock().now()), client::Availability::ejected);
}

TEST_P(ProxyFailureTest, a_server_whose_responses_all_break_off_is_ejected) {
  PROXYING(2, [](GatewaySettings& s) { s.clusters[0].health.passive.eject_after = 2; });
  const auto break_off = [this] {
    FakeExchange& exchange = rig().get();
    ASSERT_TRUE(rig().until(
        [&] { return !rig().upstreams[0]->peers.empty() || !rig().upstreams[1]->peers.empty(); }));
    const std::size_t at = rig().upstreams[0]->peers.empty() ? 1 : 0;
    rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", at);
    ASSERT_TRUE(rig().until([&] { return exchange.body == "abc"; }));
    rig().upstreams[at]->peer().finish();
    ASSERT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.aborted, Cause::upstream_body_truncated);
    rig().upstreams[at]->peers.clear();
  };
  for (int i = 0; i < 4; ++i) break_off();
  EXPECT_EQ(rig().server(0).health.ejections() + rig().server(1).health.ejections(), 1U);
}

TEST_P(ProxyFailureTest, a_response_that_arrives_whole_ends_a_run_of_failures) {
  PROXYING(2, [](GatewaySettings& s) {
    one_try(s);
    s.clusters[0].health.passive.eject_after = 2;
    s.clusters[0].balance = Balance::consistent_hash;
    s.clusters[0].hash.header = "X-Key";
  });
  const auto ask = [this]() -> FakeExchange& {
    return rig().ask(rig().make("GET", "/x").add_header("X-Key", "1"));
  };
  FakeExchange& first = ask();
  ASSERT_TRUE(rig().until(
      [&] { return !rig().upstreams[0]->peers.empty() || !rig().upstreams[1]->peers.empty(); }));
  const std::size_t home = rig().upstreams[0]->peers.empty() ? 1 : 0;
  rig().upstreams[home]->peer().reset();
  ASSERT_TRUE(rig().ended(first));
  rig().advance(10s, 1s);  // the doubt is over
  FakeExchange& whole = ask();
  rig().serve("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", home);
  ASSERT_TRUE(rig().until([&] { return whole.body == "abc"; }));
  rig().upstreams[home]->peer().send("def");
  ASSERT_TRUE(rig().ended(whole));
  FakeExchange& last = ask();
  rig().request(home);
  rig().upstreams[home]->peer().reset();
  ASSERT_TRUE(rig().ended(last));
  EXPECT_EQ(rig().server(home).health.ejections(), 0U);
}

TEST_P(ProxyFailureTest, want_of_a_healthy_server_does_not_open_the_breaker) {
  PROXYING(1, [](GatewaySettings& s) { s.clusters[0].breaker.consecutive_failures = 1; });
  rig().server().health.set_drained(true, rig().clock().now());
  told(rig().get(), 503, Cause::upstream_none_healthy);
  told(rig().get(), 503, Cause::upstream_none_healthy);
  rig().server().health.set_drained(false, rig().clock().now());
  rig().proxy->follow_drains();
  FakeExchange& exchange = rig().get();
  ASSERT_FALSE(exchange.ended) << words(exchange.cause);
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 200);
}

TEST_P(ProxyFailureTest, a_response_that_cannot_be_sent_on_is_a_502) {
  PROXYING();
  for (const char* body : {"ab", "a"}) {
    FakeExchange& exchange = rig().make("GET", "/x");
    exchange.refuse_heads = true;
    rig().ask(exchange);
    rig().serve(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", body));
    ASSERT_TRUE(rig().ended(exchange));
    told(exchange, 502, Cause::upstream_bad_head);
  }
}

TEST_P(ProxyFailureTest, proxy_status_says_why) {
  PROXYING(1, [](GatewaySettings& s) {
    one_try(s);
    s.proxy_status = true;
  });
  rig().upstreams[0]->close();
  FakeExchange& exchange = rig().get();
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.header_sent("Proxy-Status"),
            "finack; error=connection_refused; details=\"upstream.refused\"");
}

FINACK_GATEWAY_SUITE(ProxyFailureTest);

}  // namespace
}  // namespace finack::gateway::tests
