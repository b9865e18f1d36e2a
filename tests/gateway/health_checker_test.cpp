// Active health checks against real sockets, with injected time.
#include "gateway/health_checker.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "gateway/gateway_rig.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kBad = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

ActiveCheckSettings checks() {
  ActiveCheckSettings active;
  active.interval = 1s;
  active.timeout = 500ms;
  active.fall = 2;
  active.rise = 2;
  return active;
}

/// A rig whose cluster is checked as `active` says.
GatewayRig::Change checked(ActiveCheckSettings active) {
  return [active](GatewaySettings& s) { s.clusters[0].health.active = active; };
}

class HealthCheckerTest : public GatewayTest {
 protected:
  bool up(std::size_t server = 0) {
    return rig().server(server).health.available(rig().clock().now());
  }
  /// Lets time pass until `done`, but not much more than an interval.
  bool comes(const std::function<bool()>& done) {
    for (int i = 0; i < 260 && !done(); ++i) {
      rig().clock().advance(5ms);
      rig().turn(0ns);
      rig().turn(0ns);
    }
    return done();
  }
  /// How many checks were made of a server.
  std::size_t made(std::size_t server = 0) { return rig().upstreams[server]->peers.size(); }
  /// Answers the next check of a server and waits until it is recorded.
  std::string check(std::string_view response) {
    Upstream& upstream = *rig().upstreams[0];
    const std::size_t before = upstream.peers.size();
    const std::size_t ended = rig().checks.size();
    EXPECT_TRUE(comes([&] {
      return upstream.peers.size() > before &&
             upstream.peer().received.find("\r\n\r\n") != std::string::npos;
    })) << "no check came";
    if (upstream.peers.size() == before) return {};
    std::string head = upstream.peer().received;
    upstream.peer().send(response);
    EXPECT_TRUE(rig().until([&] { return rig().checks.size() > ended; }));
    return head;
  }
};

TEST_P(HealthCheckerTest, asks_by_get_and_is_no_traffic) {
  ActiveCheckSettings active = checks();
  active.path = "/healthz";
  active.host = "api.test:81";
  PROXYING(1, checked(active));
  EXPECT_EQ(check(kOk),
            "GET /healthz HTTP/1.1\r\nHost: api.test:81\r\nUser-Agent: finack-health-check\r\n"
            "Connection: close\r\n\r\n");
  EXPECT_THAT(rig().checks, ElementsAre("policy.health_check"));
  EXPECT_TRUE(rig().until([&] { return rig().upstreams[0]->peer().gone(); }));
  EXPECT_TRUE(rig().upstreams[0]->peer().at_end) << "a FIN, no RST";
  EXPECT_TRUE(up());
  EXPECT_THAT(rig().said, IsEmpty());
  EXPECT_THAT(rig().connections, IsEmpty());
  EXPECT_EQ(rig().ledger->counters().dialed.connections.opened.get(), 0U);
  EXPECT_EQ(rig().health_ledger->counters().dialed.connections.opened.get(), 1U);
}

TEST_P(HealthCheckerTest, takes_no_place_among_the_servers_connections) {
  PROXYING(1, [](GatewaySettings& s) {
    s.clusters[0].health.active = checks();
    s.clusters[0].pool.connections = 1;
  });
  EXPECT_TRUE(comes([&] { return made() == 1; }));
  FakeExchange& request = rig().get();
  EXPECT_TRUE(rig().until([&] { return made() == 2; }));
  EXPECT_EQ(rig().server().connections_live.load(), 1U);
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(request));
  EXPECT_EQ(request.status, 200);
}

TEST_P(HealthCheckerTest, down_and_up_again) {
  PROXYING(1, checked(checks()));
  const std::string named = "cluster api: server " + rig().upstreams[0]->address();
  check(kBad);
  EXPECT_TRUE(up()) << "one failure is not two";
  check(kOk);
  check(kBad);
  EXPECT_TRUE(up()) << "not in a row";
  check(kBad);
  EXPECT_FALSE(up());
  EXPECT_THAT(rig().said,
              ElementsAre(named + " is down: 2 checks in a row failed, the last: answered 503"));
  FakeExchange& refused = rig().get();
  ASSERT_TRUE(rig().ended(refused));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.cause, Cause::upstream_none_healthy);
  check(kBad);
  check(kOk);
  EXPECT_FALSE(up());
  check(kOk);
  EXPECT_TRUE(up());
  EXPECT_THAT(rig().said, SizeIs(2));
  EXPECT_EQ(rig().said.back(), named + " is up: 2 checks in a row passed");
}

TEST_P(HealthCheckerTest, statuses_that_pass) {
  ActiveCheckSettings active = checks();
  active.expected = {{.low = 204, .high = 204}, {.low = 503, .high = 503}};
  active.fall = 1;
  PROXYING(1, checked(active));
  check(kBad);
  EXPECT_TRUE(up());
  check(kOk);
  EXPECT_FALSE(up());
  EXPECT_THAT(rig().said, ElementsAre(HasSubstr("is down: a check failed: answered 200")));
}

TEST_P(HealthCheckerTest, an_answer_that_breaks_off_fails) {
  ActiveCheckSettings active = checks();
  active.fall = 1;
  PROXYING(1, checked(active));
  ASSERT_TRUE(comes([&] { return made() == 1; }));
  rig().request();
  rig().upstreams[0]->peer().send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok");
  rig().upstreams[0]->peer().finish();
  ASSERT_TRUE(rig().until([&] { return !up(); }));
  EXPECT_THAT(rig().said, ElementsAre(HasSubstr("a check failed: upstream.body_truncated")));
}

TEST_P(HealthCheckerTest, a_long_answer_is_not_read_to_its_end) {
  ActiveCheckSettings active = checks();
  active.rise = 1;
  active.starts_up = false;
  PROXYING(1, checked(active));
  check("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_TRUE(up());
  EXPECT_THAT(rig().checks, ElementsAre("policy.health_check"));
}

TEST_P(HealthCheckerTest, tcp_is_content_with_a_connection) {
  ActiveCheckSettings active = checks();
  active.kind = CheckKind::tcp;
  active.fall = 1;
  active.rise = 1;
  active.starts_up = false;
  PROXYING(1, checked(active));
  EXPECT_FALSE(up());
  ASSERT_TRUE(comes([&] { return up(); }));
  EXPECT_THAT(rig().said, ElementsAre(HasSubstr("is up: a check passed")));
  ASSERT_TRUE(rig().until([&] { return made() == 1 && rig().upstreams[0]->peer().gone(); }));
  EXPECT_EQ(rig().upstreams[0]->peer().received, "");
  rig().upstreams[0]->close();
  ASSERT_TRUE(comes([&] { return !up(); }));
  EXPECT_THAT(rig().checks, ElementsAre("policy.health_check", "upstream.refused"));
  EXPECT_THAT(rig().said.back(), HasSubstr("is down: a check failed: upstream.refused"));
}

TEST_P(HealthCheckerTest, with_tls_a_connection_is_a_handshake) {
  ActiveCheckSettings active = checks();
  active.kind = CheckKind::tcp;
  active.fall = 1;
  PROXYING(1, [&](GatewaySettings& s) {
    s.clusters[0].health.active = active;
    s.clusters[0].tls.emplace();
  });
  ASSERT_TRUE(comes([&] { return made() == 1 && !rig().upstreams[0]->peer().received.empty(); }));
  EXPECT_EQ(rig().upstreams[0]->peer().received[0], '\x16') << "a ClientHello";
  EXPECT_TRUE(up());
  rig().upstreams[0]->peer().finish();
  ASSERT_TRUE(rig().until([&] { return !up(); }));
  EXPECT_THAT(rig().checks, ElementsAre("upstream.tls_closed"));
}

TEST_P(HealthCheckerTest, a_check_in_time_fails_by_what_it_waited_for_and_none_piles_up) {
  ActiveCheckSettings active = checks();
  active.interval = 100ms;
  active.timeout = 800ms;
  active.fall = 1;
  PROXYING(1, checked(active));
  ASSERT_TRUE(comes([&] { return made() == 1; }));
  rig().advance(760ms, 5ms);
  EXPECT_EQ(made(), 1U) << "one at a time";
  EXPECT_TRUE(up());
  rig().advance(41ms, 5ms);
  ASSERT_TRUE(rig().until([&] { return !up(); }));
  EXPECT_THAT(rig().checks, ElementsAre("timeout.first_response_byte"));
  ASSERT_TRUE(comes([&] { return made() == 2; }));
  rig().request();
  rig().upstreams[0]->peer().send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1");
  rig().advance(801ms, 5ms);
  ASSERT_TRUE(rig().until([&] { return rig().checks.size() == 2; }));
  EXPECT_EQ(rig().checks.back(), "timeout.response_idle") << "time is of the whole check";
}

TEST_P(HealthCheckerTest, intervals_vary_by_a_tenth) {
  PROXYING(1, checked(checks()));
  const Instant start = rig().clock().now();
  check(kOk);
  EXPECT_LE(rig().clock().now() - start, 110ms) << "the first comes soon";
  std::vector<Nanos> waits;
  for (int i = 0; i < 6; ++i) {
    const Instant before = rig().clock().now();
    check(kOk);
    waits.push_back(rig().clock().now() - before);
    EXPECT_GE(waits.back(), 880ms);
    EXPECT_LE(waits.back(), 1120ms);
  }
  EXPECT_NE(std::ranges::min(waits), std::ranges::max(waits));
}

TEST_P(HealthCheckerTest, who_does_not_start_up_has_to_pass_first) {
  ActiveCheckSettings active = checks();
  active.starts_up = false;
  PROXYING(1, checked(active));
  EXPECT_FALSE(up());
  check(kBad);
  EXPECT_THAT(rig().said,
              ElementsAre(HasSubstr("is not up yet: its first check failed: answered 503")));
  check(kOk);
  EXPECT_FALSE(up());
  check(kOk);
  EXPECT_TRUE(up());
}

TEST_P(HealthCheckerTest, our_own_want_says_nothing_of_the_server) {
  // UBSan looks at an object's type through a pipe: without descriptors every object looks broken.
  const char* sanitizers = std::getenv("FINACK_SANITIZE");
  if (sanitizers != nullptr && std::string_view(sanitizers).contains("undefined"))
    GTEST_SKIP() << "\n*** SKIPPED: UBSan itself needs descriptors; the release build tests it\n";
  ActiveCheckSettings active = checks();
  active.fall = 1;
  PROXYING(1, checked(active));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool ended = comes([&] { return !rig().checks.empty(); });
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(ended);
  EXPECT_EQ(rig().checks.front(), "resource.descriptors");
  EXPECT_TRUE(up());
  EXPECT_THAT(rig().said, IsEmpty());
  check(kBad);
  EXPECT_FALSE(up()) << "and the next one counts";
}

TEST_P(HealthCheckerTest, a_reload_that_keeps_the_cluster_keeps_its_checks) {
  PROXYING(1, checked(checks()));
  check(kBad);
  ASSERT_TRUE(comes([&] { return made() == 2; }));
  rig().reload([](GatewaySettings& s) { s.routes[0].name = "other"; });
  rig().request();
  rig().upstreams[0]->peer().send(kBad);
  ASSERT_TRUE(rig().until([&] { return !up(); })) << "the second in a row, and it was under way";
  check(kOk);
  EXPECT_EQ(made(), 3U) << "still one checker";
}

TEST_P(HealthCheckerTest, a_cluster_that_is_gone_is_checked_no_more) {
  PROXYING(1, checked(checks()));
  ASSERT_TRUE(comes([&] { return made() == 1; }));
  const std::weak_ptr<Cluster> old = rig().plan->clusters().front();
  rig().reload([](GatewaySettings& s) { s.clusters[0].health.active.reset(); });
  ASSERT_TRUE(rig().until([&] { return rig().checks.size() == 1; }));
  EXPECT_THAT(rig().checks, ElementsAre("operator.reload_retired"));
  rig().advance(3s, 50ms);
  EXPECT_EQ(made(), 1U);
  EXPECT_TRUE(old.expired());
}

TEST_P(HealthCheckerTest, a_changed_cluster_is_checked_anew) {
  PROXYING(1, checked(checks()));
  ASSERT_TRUE(comes([&] { return made() == 1; }));
  rig().reload([](GatewaySettings& s) { s.clusters[0].health.active->path = "/new"; });
  ASSERT_TRUE(rig().until([&] { return rig().checks.size() == 1; }));
  EXPECT_THAT(check(kOk), HasSubstr("GET /new "));
  EXPECT_THAT(rig().checks, ElementsAre("operator.reload_retired", "policy.health_check"));
}

TEST_P(HealthCheckerTest, a_gateway_that_closes_waits_for_no_check) {
  PROXYING(1, checked(checks()));
  ASSERT_TRUE(comes([&] { return made() == 1; }));
  EXPECT_FALSE(rig().proxy->empty());
  rig().proxy->close(Cause::operator_shutdown);
  ASSERT_TRUE(rig().until([&] { return rig().emptied > 0; }));
  EXPECT_TRUE(rig().proxy->empty());
  EXPECT_THAT(rig().checks, ElementsAre("operator.shutdown"));
  rig().reload([](GatewaySettings& s) { s.clusters[0].health.active->path = "/new"; });
  rig().advance(3s, 50ms);
  EXPECT_EQ(made(), 1U);
}

TEST_P(HealthCheckerTest, of_all_workers_one_checks_a_server) {
  PROXYING(3);
  GatewaySettings settings = rig().settings;
  settings.clusters[0].health.active = checks();
  const auto plan = Plan::create(settings, "mark");
  ASSERT_TRUE(plan);
  record::ConnectionIds ids{.boot = 1, .worker = 1};
  std::vector<std::unique_ptr<HealthChecker>> workers;
  for (std::uint32_t w = 0; w < 2; ++w) {
    workers.push_back(
        std::make_unique<HealthChecker>(WorkerParts{.loop = rig().loop.get(),
                                                    .health_ledger = &*rig().health_ledger,
                                                    .ids = &ids,
                                                    .worker = w,
                                                    .workers = 2},
                                        [] {}));
    workers.back()->adopt(**plan);
  }
  rig().advance(200ms, 5ms);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(made(i), 1U) << i;
  EXPECT_FALSE(workers[0]->empty());
  EXPECT_FALSE(workers[1]->empty()) << "each has its share";
  for (const auto& worker : workers) worker->stop(Cause::operator_shutdown);
  EXPECT_TRUE(rig().until([&] { return workers[0]->empty() && workers[1]->empty(); }));
}

FINACK_GATEWAY_SUITE(HealthCheckerTest);

}  // namespace
}  // namespace finack::gateway::tests
