// Servers by name: a real name server and real upstreams, with injected time.
#include "gateway/name_watch.h"

#include <gmock/gmock.h>

#include <map>
#include <mutex>

#include "gateway/gateway_rig.h"
#include "net/dns_server.h"

namespace finack::gateway::tests {
namespace {

using net::testing::DnsServer;
using net::testing::Query;
using record::Cause;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int kNoSuchName = 3;
constexpr int kServerFailed = 2;

/// What the name server says of every name: 127.0.0.x, as the test has it.
class Zone {
 public:
  void hold(std::vector<int> hosts, int ttl) {
    const std::scoped_lock lock(mutex_);
    hosts_ = std::move(hosts);
    ttl_ = ttl;
    refusal_ = 0;
  }
  void refuse(int code) {
    const std::scoped_lock lock(mutex_);
    refusal_ = code;
  }
  void fall_silent() { refuse(-1); }

  std::string answer(const Query& query) {
    const std::scoped_lock lock(mutex_);
    if (refusal_ < 0) return {};
    if (refusal_ > 0) return query.answer(refusal_, {});
    std::vector<std::string> records;
    for (const int host : hosts_) {
      if (query.type != net::testing::kA) break;
      std::string data("\x7f\0\0", 3);
      records.push_back(query.record(net::testing::kA, ttl_, data + static_cast<char>(host)));
    }
    return query.answer(0, records);
  }

 private:
  std::mutex mutex_;
  std::vector<int> hosts_{1};
  int ttl_ = 60;
  int refusal_ = 0;
};

class NameWatchTest : public GatewayTest {
 protected:
  /// One cluster of "api.test"; upstream i is at 127.0.0.(i + 1), all at one port.
  void named(std::vector<int> hosts, int ttl = 60, const GatewayRig::Change& change = {},
             int upstreams = 3) {
    zone_.hold(std::move(hosts), ttl);
    const auto by_name = [&](GatewaySettings& s) {
      std::string& address = s.clusters[0].servers[0].address;
      port_ = address.substr(address.find(':'));
      address = "api.test" + port_;
      if (change) change(s);
    };
    proxying(1, by_name, dns_.name());
    if (!rig_->loop) return;
    for (int last = 2; last <= upstreams; ++last)
      rig().upstreams.push_back(std::make_unique<Upstream>(last, rig().upstreams[0]->port));
  }
  std::vector<std::string> servers() {
    std::vector<std::string> out;
    for (const auto& one : rig().cluster().servers()) out.push_back(one->name);
    return out;
  }
  std::string name(int last) { return "127.0.0." + std::to_string(last) + port_; }
  std::vector<std::string> named_servers(const std::vector<int>& hosts) {
    std::vector<std::string> out;
    for (const int host : hosts) out.push_back(name(host));
    return out;
  }
  /// The cluster's servers are those of `hosts` within a moment of real time.
  bool comes_to_be(const std::vector<int>& hosts) {
    return rig().until([&] { return servers() == named_servers(hosts); });
  }
  NameState state() { return rig().cluster().membership().name_states()[0]; }
  /// Lets time pass until the next question, for `d` at most, and waits for what it brings:
  /// meanwhile time stands still. False: none was due.
  bool asked_within(Nanos d) {
    constexpr Nanos kStep = 100ms;
    const auto told = [this] { return state().answers + state().failures; };
    const std::uint64_t before = told();
    for (; d > 0ns && told() == before; d -= std::min(d, kStep)) {
      rig().clock().advance(std::min(d, kStep));
      rig().turn(0ns);
      if (rig().resolver->sockets() > 0) rig().until([&] { return told() > before; });
    }
    return told() > before;
  }
  /// Sends a request, answers it wherever it came, and says which upstream it was.
  std::size_t serve_one(FakeExchange& exchange) {
    rig().ask(exchange);
    std::size_t where = SIZE_MAX;
    EXPECT_TRUE(rig().until([&] {
      for (std::size_t i = 0; i < rig().upstreams.size(); ++i) {
        for (const auto& peer : rig().upstreams[i]->peers) {
          if (peer->received.find("\r\n\r\n") == std::string::npos) continue;
          peer->received.clear();
          peer->send(kOk);
          where = i;
        }
      }
      return where != SIZE_MAX;
    }));
    EXPECT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.status, 200);
    return where;
  }
  std::size_t serve_one() { return serve_one(rig().make("GET", "/x")); }
  /// Of an address that the cluster has, or had when this was called before.
  client::PoolState pools(int last) {
    for (const auto& one : rig().cluster().servers()) numbers_[one->name] = one->number;
    client::PoolState out;
    for (const ClusterShare& share : rig().proxy->shares())
      for (const PoolShare& pool : share.pools)
        if (pool.server == numbers_[name(last)]) out = pool.state;
    return out;
  }

  Zone zone_;
  DnsServer dns_{[this](const Query& query) { return zone_.answer(query); }};
  std::string port_;  ///< ":9001"
  std::map<std::string, std::uint64_t> numbers_;
};
FINACK_GATEWAY_SUITE(NameWatchTest);

#define NAMED(...)                                \
  do {                                            \
    named(__VA_ARGS__);                           \
    if (IsSkipped() || HasFatalFailure()) return; \
  } while (false)

TEST_P(NameWatchTest, every_address_gets_requests) {
  NAMED({1, 2});
  ASSERT_TRUE(comes_to_be({1, 2}));
  std::vector<std::size_t> served;
  for (int i = 0; i < 4; ++i) served.push_back(serve_one());
  EXPECT_THAT(served, UnorderedElementsAre(0, 0, 1, 1));
  EXPECT_THAT(rig().said,
              ElementsAre("cluster api: server api.test" + port_ + " is resolved anew: +" +
                          name(1) + " +" + name(2) + " -api.test" + port_));
}

TEST_P(NameWatchTest, asks_again_when_the_ttl_is_over_and_not_before) {
  NAMED({1}, 60);
  ASSERT_TRUE(comes_to_be({1}));
  zone_.hold({1, 2}, 60);
  EXPECT_FALSE(asked_within(59s));
  EXPECT_TRUE(asked_within(7s)) << "within a tenth more";
  EXPECT_TRUE(comes_to_be({1, 2}));
  EXPECT_FALSE(asked_within(59s));
  EXPECT_TRUE(asked_within(7s));
}

TEST_P(NameWatchTest, a_ttl_is_held_to_its_bounds) {
  NAMED({1}, 1, [](GatewaySettings& s) { s.clusters[0].resolve = {.least = 10s, .most = 20s}; });
  ASSERT_TRUE(comes_to_be({1}));
  zone_.hold({1}, 1000);
  EXPECT_FALSE(asked_within(9900ms));
  EXPECT_TRUE(asked_within(1200ms));
  EXPECT_FALSE(asked_within(19900ms));
  EXPECT_TRUE(asked_within(2200ms));
}

TEST_P(NameWatchTest, refresh_stands_before_the_ttl) {
  NAMED({1}, 1, [](GatewaySettings& s) { s.clusters[0].resolve.refresh = 30s; });
  ASSERT_TRUE(comes_to_be({1}));
  EXPECT_FALSE(asked_within(29s));
  EXPECT_TRUE(asked_within(5s));
}

TEST_P(NameWatchTest, a_failure_keeps_the_last_answer) {
  NAMED({1, 2}, 10);
  ASSERT_TRUE(comes_to_be({1, 2}));
  rig().said.clear();
  for (const int refusal : {kNoSuchName, kServerFailed}) {
    zone_.refuse(refusal);
    ASSERT_TRUE(asked_within(11s));
  }
  EXPECT_THAT(servers(), ElementsAre(name(1), name(2)));
  EXPECT_EQ(state().failures, 2U);
  EXPECT_EQ(state().error, net::ResolveError::failed);
  serve_one();
  EXPECT_THAT(rig().said, ElementsAre("cluster api: server api.test" + port_ +
                                      " is not resolved: not_found; the last answer stays in use"))
      << "once";
  zone_.hold({2}, 10);
  ASSERT_TRUE(asked_within(2s)) << "sooner than an answer's TTL";
  ASSERT_TRUE(comes_to_be({2}));
  EXPECT_THAT(rig().said, Contains(HasSubstr("is resolved again")));
  EXPECT_EQ(state().error, net::ResolveError::none);
}

TEST_P(NameWatchTest, before_the_first_answer_a_request_waits_for_its_own) {
  NAMED({1}, 60, [this](GatewaySettings& s) {
    zone_.fall_silent();
    s.clusters[0].timeouts.resolve = 2s;
    s.clusters[0].retry.tries = 1;
  });
  FakeExchange& waiting = rig().get();
  rig().settle();
  EXPECT_FALSE(waiting.ended);
  rig().advance(2s);
  ASSERT_TRUE(rig().ended(waiting));
  EXPECT_EQ(waiting.status, 504);
  EXPECT_EQ(waiting.cause, Cause::timeout_resolve);
  EXPECT_THAT(rig().said, ElementsAre("cluster api: server api.test" + port_ +
                                      " is not resolved: timed_out; each connection asks again"));
}

TEST_P(NameWatchTest, a_name_that_comes_to_be) {
  NAMED({1}, 60, [this](GatewaySettings& s) {
    zone_.refuse(kNoSuchName);
    s.clusters[0].retry.tries = 1;
  });
  ASSERT_TRUE(rig().until([&] { return state().failures == 1; }));
  FakeExchange& refused = rig().get();
  ASSERT_TRUE(rig().ended(refused));
  EXPECT_EQ(refused.status, 502);
  EXPECT_EQ(refused.cause, Cause::upstream_resolve_failed);
  zone_.hold({1, 2}, 60);
  EXPECT_EQ(serve_one(), 0U) << "its own question was answered";
  EXPECT_THAT(servers(), ElementsAre("api.test" + port_));
  ASSERT_TRUE(asked_within(1s));
  EXPECT_TRUE(comes_to_be({1, 2}));
}

TEST_P(NameWatchTest, an_address_that_left_finishes_and_gets_no_more) {
  NAMED({1, 2}, 10);
  ASSERT_TRUE(comes_to_be({1, 2}));
  while (pools(1).free == 0 || pools(2).free == 0) serve_one();
  FakeExchange& first = rig().get();
  FakeExchange& second = rig().get();
  rig().request(0);
  rig().request(1);
  rig().upstreams[0]->peer().send(kOk);
  ASSERT_TRUE(rig().until([&] { return first.ended || second.ended; }));
  FakeExchange* const busy = first.ended ? &second : &first;
  rig().connections.clear();
  zone_.hold({1}, 10);
  ASSERT_TRUE(asked_within(11s));
  ASSERT_TRUE(comes_to_be({1}));
  EXPECT_FALSE(busy->ended);
  EXPECT_EQ(pools(2).busy, 1U) << "an operator still sees it";
  for (int i = 0; i < 4; ++i) EXPECT_EQ(serve_one(), 0U);
  rig().upstreams[1]->peer().send(kOk);
  ASSERT_TRUE(rig().ended(*busy));
  EXPECT_EQ(busy->status, 200);
  ASSERT_TRUE(rig().until([&] { return !rig().connections.empty(); }));
  EXPECT_THAT(rig().connections, Each("ok.pool_retired"));
  EXPECT_TRUE(rig().until([&] { return rig().proxy->shares()[0].pools.size() == 1; }));
}

TEST_P(NameWatchTest, a_free_connection_to_an_address_that_left_is_closed_at_once) {
  NAMED({1, 2}, 10);
  ASSERT_TRUE(comes_to_be({1, 2}));
  while (pools(1).free == 0 || pools(2).free == 0) serve_one();
  rig().connections.clear();
  zone_.hold({1}, 10);
  ASSERT_TRUE(asked_within(11s));
  ASSERT_TRUE(comes_to_be({1}));
  ASSERT_TRUE(rig().until([&] { return !rig().connections.empty(); })) << "without any request";
  EXPECT_THAT(rig().connections, ElementsAre("ok.pool_retired"));
  EXPECT_TRUE(rig().until([&] { return rig().upstreams[1]->peer().gone(); }));
  EXPECT_FALSE(rig().upstreams[0]->peer().gone());
}

TEST_P(NameWatchTest, what_stays_keeps_its_connections) {
  NAMED({1, 2}, 10);
  ASSERT_TRUE(comes_to_be({1, 2}));
  while (pools(1).free == 0) serve_one();
  client::UpstreamServer* const kept = &rig().server(0);
  const std::size_t connections = rig().upstreams[0]->peers.size();
  zone_.hold({3, 1}, 10);
  ASSERT_TRUE(asked_within(11s));
  ASSERT_TRUE(comes_to_be({1, 3}));
  EXPECT_EQ(&rig().server(0), kept);
  std::vector<std::size_t> served;
  for (int i = 0; i < 4; ++i) served.push_back(serve_one());
  EXPECT_THAT(served, UnorderedElementsAre(0, 0, 2, 2));
  EXPECT_EQ(rig().upstreams[0]->peers.size(), connections) << "none was dialed anew";
}

TEST_P(NameWatchTest, keys_stay_with_the_addresses_that_stay) {
  NAMED({1, 2, 3}, 10, [](GatewaySettings& s) {
    s.clusters[0].balance = Balance::consistent_hash;
    s.clusters[0].hash = {.header = "X-Key", .load_percent = 0};
  });
  ASSERT_TRUE(comes_to_be({1, 2, 3}));
  const auto places = [&] {
    std::map<int, std::size_t> out;
    for (int key = 0; key < 30; ++key) {
      FakeExchange& exchange = rig().make("GET", "/x");
      exchange.add_header("X-Key", std::to_string(key));
      out[key] = serve_one(exchange);
    }
    return out;
  };
  const auto before = places();
  zone_.hold({3, 1}, 10);
  ASSERT_TRUE(asked_within(11s));
  ASSERT_TRUE(comes_to_be({1, 3}));
  int moved = 0;
  for (const auto& [key, place] : places()) {
    if (before.at(key) == 1) {
      ++moved;
    } else {
      EXPECT_EQ(place, before.at(key)) << key;
    }
  }
  EXPECT_GT(moved, 0);
}

TEST_P(NameWatchTest, health_checks_follow) {
  NAMED({1, 2}, 10, [](GatewaySettings& s) {
    ActiveCheckSettings active;
    active.interval = 1s;
    s.clusters[0].health.active = active;
  });
  ASSERT_TRUE(comes_to_be({1, 2}));
  // Answers all checks of some intervals, and says whether one server had any.
  const auto checked = [&](std::size_t i) {
    const std::size_t before = rig().upstreams[i]->peers.size();
    for (int step = 0; step < 60; ++step) {
      rig().advance(50ms, 50ms);
      for (const auto& upstream : rig().upstreams) {
        for (const auto& peer : upstream->peers) {
          if (peer->received.find("\r\n\r\n") == std::string::npos) continue;
          EXPECT_THAT(peer->received, HasSubstr("Host: api.test" + port_ + "\r\n"));
          peer->received.clear();
          peer->send(kOk);
        }
      }
    }
    return rig().upstreams[i]->peers.size() > before;
  };
  EXPECT_TRUE(checked(0));
  EXPECT_TRUE(checked(1));
  zone_.hold({2, 3}, 60);
  ASSERT_TRUE(asked_within(11s));
  ASSERT_TRUE(comes_to_be({2, 3}));
  rig().settle();
  EXPECT_FALSE(checked(0)) << "it left";
  EXPECT_TRUE(checked(1));
  EXPECT_TRUE(checked(2)) << "it came";
}

TEST_P(NameWatchTest, a_reload_keeps_what_is_resolved) {
  NAMED({1, 2}, 60);
  ASSERT_TRUE(comes_to_be({1, 2}));
  client::UpstreamServer* const kept = &rig().server(0);
  rig().reload([](GatewaySettings& s) { s.routes[0].name = "other"; });
  rig().settle();
  EXPECT_EQ(&rig().server(0), kept);
  EXPECT_EQ(state().answers, 1U);
  EXPECT_FALSE(asked_within(59s)) << "nor is the question put off or early";
  EXPECT_TRUE(asked_within(7s));
  // Another cluster of that name begins anew, and the former is asked for no more.
  const auto former = rig().plan->clusters()[0];
  rig().reload([](GatewaySettings& s) { s.clusters[0].servers[0].weight = 2; });
  ASSERT_TRUE(comes_to_be({1, 2}));
  EXPECT_EQ(rig().server(0).weight, 2U);
  ASSERT_TRUE(asked_within(70s));
  rig().settle();
  EXPECT_EQ(former->membership().name_states()[0].answers, 2U);
}

TEST_P(NameWatchTest, of_two_workers_one_asks_and_both_follow) {
  NAMED({1, 2}, 10);
  ASSERT_TRUE(comes_to_be({1, 2}));
  std::vector<std::unique_ptr<Proxy>> workers;
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    WorkerParts parts = rig().parts();
    parts.workers = 2;
    parts.worker = worker;
    workers.push_back(std::make_unique<Proxy>(parts, rig().plan));
  }
  ASSERT_TRUE(rig().until([&] { return state().answers == 2; }));
  rig().settle(30);
  EXPECT_EQ(state().answers, 2U) << "the rig's own, and that of one of the two";
  for (const auto& worker : workers) {
    for (int i = 0; i < 2; ++i) {
      FakeExchange& exchange = rig().make("GET", "/x");
      worker->handle(exchange);
      rig().until([&] {
        for (const auto& upstream : rig().upstreams) {
          for (const auto& peer : upstream->peers) {
            if (peer->received.empty()) continue;
            peer->received.clear();
            peer->send(kOk);
          }
        }
        return exchange.ended;
      });
      ASSERT_EQ(exchange.status, 200);
    }
    ASSERT_EQ(worker->shares()[0].pools.size(), 2U);
  }
  EXPECT_EQ(rig().upstreams[1]->peers.size(), 2U);
  zone_.hold({1}, 10);
  ASSERT_TRUE(asked_within(11s));
  EXPECT_TRUE(rig().until([&] { return rig().connections.size() == 2; })) << "without any request";
  EXPECT_THAT(rig().connections, Each("ok.pool_retired"));
  for (const auto& worker : workers) {
    EXPECT_TRUE(rig().until([&] { return worker->shares()[0].pools.size() == 1; }));
    worker->cut(Cause::operator_shutdown_forced);
    EXPECT_TRUE(rig().until([&] { return worker->empty(); }));
  }
}

TEST_P(NameWatchTest, a_family_that_no_address_has) {
  NAMED({1}, 60, [](GatewaySettings& s) {
    s.clusters[0].resolve.family = AddressFamily::v6;
    s.clusters[0].retry.tries = 1;
  });
  FakeExchange& exchange = rig().get();
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.cause, Cause::upstream_resolve_failed);
  EXPECT_TRUE(rig().until([&] { return state().failures == 1; }));
  EXPECT_EQ(state().error, net::ResolveError::no_data);
}

TEST_P(NameWatchTest, one_server_for_all_addresses) {
  NAMED({1}, 60, [](GatewaySettings& s) {
    s.clusters[0].resolve = {.least = 5s, .most = 10s, .all_addresses = false};
    s.clusters[0].pool.free_connections = 0;
  });
  EXPECT_EQ(serve_one(), 0U);
  EXPECT_THAT(servers(), ElementsAre("api.test" + port_));
  const int asked = dns_.asked();
  zone_.hold({2}, 60);
  rig().advance(9s);
  EXPECT_EQ(serve_one(), 0U) << "from the cache";
  EXPECT_EQ(dns_.asked(), asked);
  rig().advance(2s);
  EXPECT_EQ(serve_one(), 1U) << "the answer counts for `most` at most";
  EXPECT_GT(dns_.asked(), asked);
}

TEST_P(NameWatchTest, the_end_asks_no_more) {
  NAMED({1}, 10);
  ASSERT_TRUE(comes_to_be({1}));
  rig().proxy->close(Cause::operator_shutdown);
  EXPECT_FALSE(asked_within(30s));
}

TEST(NameWatch, WaitsLongerAfterEachFailure) {
  constexpr std::uint64_t kWhole = 0;  // nothing is taken off
  EXPECT_EQ(wait_after_failures(1, 1s, 1h, kWhole), 1s);
  EXPECT_EQ(wait_after_failures(2, 1s, 1h, kWhole), 2s);
  EXPECT_EQ(wait_after_failures(5, 1s, 1h, kWhole), 16s);
  EXPECT_EQ(wait_after_failures(6, 1s, 1h, kWhole), 30s);
  EXPECT_EQ(wait_after_failures(4'000'000'000, 1s, 1h, kWhole), 30s);
  EXPECT_EQ(wait_after_failures(6, 1s, 10s, kWhole), 10s) << "never longer than an answer holds";
  EXPECT_EQ(wait_after_failures(3, 1min, 1h, kWhole), 1min);
  EXPECT_EQ(wait_after_failures(30, 24h, 24h, kWhole), 24h);
  const Nanos half = wait_after_failures(2, 1s, 1h, ~std::uint64_t{0});
  EXPECT_GE(half, 1s);
  EXPECT_LT(half, 1001ms);
}

}  // namespace
}  // namespace finack::gateway::tests
