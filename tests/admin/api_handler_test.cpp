#include "admin/api_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>
#include <string>

#include "admin/gathering.h"
#include "admin/live_state.h"
#include "finack/base/address.h"
#include "support/fake_exchange.h"

namespace finack::admin {
namespace {

using record::Phase;
using record::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::FakeExchange;
using namespace std::chrono_literals;

/// A worker whose thread is the test's: what is posted runs when the test says so.
class FakeWorker final : public Worker {
 public:
  explicit FakeWorker(std::uint32_t index) : index_(index) {}

  void post(std::move_only_function<void()> fn) override { posted_.push_back(std::move(fn)); }
  void list(record::LivePage& page) override {
    for (const record::LiveConnection& one : connections)
      if (page.wants(one.id, one.role, one.phase)) page.add(one);
  }
  bool kill(const record::ConnectionId& id) override {
    if (id.worker != index_) return false;
    return std::erase_if(connections, [&](const record::LiveConnection& one) {
             return one.id.sequence == id.sequence;
           }) > 0;
  }
  std::vector<gateway::ClusterShare> shares() override { return pools; }
  void follow_drains() override { ++follows; }

  void run() {
    for (auto& fn : std::exchange(posted_, {})) fn();
  }
  void add(std::uint64_t sequence, Role role, Phase phase) {
    record::LiveConnection one;
    one.id = {.boot = 0xb007, .worker = index_, .sequence = sequence};
    one.role = role;
    one.phase = phase;
    one.age = 1500us;
    one.listener = role == Role::server ? "front" : "";
    one.server = role == Role::client ? "127.0.0.1:1" : "";
    connections.push_back(one);
  }

  std::vector<record::LiveConnection> connections;
  std::vector<gateway::ClusterShare> pools;
  int follows = 0;

 private:
  std::uint32_t index_;
  std::deque<std::move_only_function<void()>> posted_;
};

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    gateway::GatewaySettings settings;
    gateway::ClusterSettings& cluster = settings.clusters.emplace_back();
    cluster.name = "a b";
    for (const char* address : {"127.0.0.1:1", "127.0.0.1:2", "unix:/run/x"})
      cluster.servers.push_back({.address = address});
    settings.routes.emplace_back().cluster = cluster.name;
    plan_ = *gateway::Plan::create(settings, "mark");
    clock_.advance(1h);
  }

  /// What a request is answered with; workers answer when `answering`.
  FakeExchange& ask(std::string method, std::string target, bool answering = true) {
    FakeExchange& exchange = begin(std::move(method), std::move(target));
    handler_.handle(exchange);
    if (answering) {
      for (FakeWorker& worker : workers_) worker.run();
      exchange.run_posted();
    }
    return exchange;
  }
  FakeExchange& begin(std::string method, std::string target) {
    exchanges_.push_back(std::make_unique<FakeExchange>(std::move(method), std::move(target)));
    return exchanges_.back()->set_host("127.0.0.1:9090");
  }
  boost::json::object body(const FakeExchange& exchange) {
    EXPECT_TRUE(exchange.ended);
    EXPECT_EQ(exchange.touched_after_end, 0);
    EXPECT_EQ(exchange.content_type, "application/json");
    EXPECT_EQ(exchange.header_sent("Cache-Control"), "no-store");
    EXPECT_TRUE(exchange.body.ends_with('\n'));
    return boost::json::parse(exchange.body).as_object();
  }
  std::vector<std::string> ids(const FakeExchange& exchange) {
    std::vector<std::string> out;
    const boost::json::object said = body(exchange);
    for (const auto& one : said.at("connections").as_array())
      out.emplace_back(one.at("id").as_string());
    return out;
  }
  std::string error(const FakeExchange& exchange) {
    return std::to_string(exchange.status) + " " + body(exchange).at("error").as_string().c_str();
  }
  client::UpstreamServer& server(std::size_t i) { return *plan_->clusters()[0]->servers()[i]; }

  std::shared_ptr<const gateway::Plan> plan_;
  std::deque<FakeWorker> workers_ = [] {
    std::deque<FakeWorker> out;
    for (const std::uint32_t index : {0U, 1U}) out.emplace_back(index);
    return out;
  }();
  std::vector<Worker*> seen_{&workers_[0], &workers_[1]};
  ManualClock clock_;
  ApiHandler handler_{{.plan = [this] { return plan_; },
                       .workers = &seen_,
                       .name = "gateway.internal",
                       .clock = &clock_}};
  std::vector<std::unique_ptr<FakeExchange>> exchanges_;
};

TEST_F(ApiTest, ConnectionsOfAllWorkers) {
  workers_[1].add(3, Role::client, Phase::pool);
  workers_[0].add(5, Role::server, Phase::idle);
  FakeExchange& exchange = ask("GET", "/connections");
  EXPECT_EQ(exchange.status, 200);
  EXPECT_EQ(exchange.body,
            R"({"connections":[{"id":"0000b00700-5","role":"server","phase":"idle",)"
            R"("age_us":1500,"phase_us":0,"peer":null,"local":null,"listener":"front",)"
            R"("route":null,"requests":0,"bytes_in":0,"bytes_out":0},)"
            R"({"id":"0000b00701-3","role":"client","phase":"pool",)"
            R"("age_us":1500,"phase_us":0,"peer":null,"local":null,"server":"127.0.0.1:1",)"
            R"("requests":0,"bytes_in":0,"bytes_out":0}],"next":null,"missing_workers":0})"
            "\n");
}

TEST_F(ApiTest, ConnectionsInPagesAndByWords) {
  for (const std::uint64_t sequence : {1, 2, 3}) {
    workers_[0].add(sequence, Role::server, Phase::idle);
    workers_[1].add(sequence, Role::client, Phase::wait);
  }
  FakeExchange& first = ask("GET", "/connections?limit=4");
  EXPECT_THAT(ids(first),
              ElementsAre("0000b00700-1", "0000b00700-2", "0000b00700-3", "0000b00701-1"));
  EXPECT_EQ(body(first).at("next").as_string(), "0000b00701-1");
  FakeExchange& second = ask("GET", "/connections?after=0000b00701-1&limit=4");
  EXPECT_THAT(ids(second), ElementsAre("0000b00701-2", "0000b00701-3"));
  EXPECT_TRUE(body(second).at("next").is_null());
  EXPECT_EQ(ids(ask("GET", "/connections?role=client")).size(), 3U);
  EXPECT_EQ(ids(ask("GET", "/connections?phase=idle&role=client")).size(), 0U);
}

TEST_F(ApiTest, QueriesThatAreWrong) {
  for (const auto& [query, what] :
       {std::pair{"limit=0", "400 limit is a number from 1 to 1000"},
        std::pair{"limit=1001", "400 limit is a number from 1 to 1000"},
        std::pair{"limit=9x", "400 limit is a number from 1 to 1000"},
        std::pair{"after=7", "400 after is the id of a connection"},
        std::pair{"phase=sleepy", "400 phase is one of those of docs/endings.md"},
        std::pair{"role=%", "400 the query is not percent-encoded"},
        std::pair{"role=both", "400 role is server or client"},
        std::pair{"rol=client", "400 'rol' is not known: limit, after, phase, role"}})
    EXPECT_EQ(error(ask("GET", std::string("/connections?") + query)), what);
}

TEST_F(ApiTest, AWorkerThatIsBusyIsNotWaitedForLong) {
  workers_[0].add(1, Role::server, Phase::idle);
  workers_[1].add(1, Role::server, Phase::idle);
  FakeExchange& exchange = ask("GET", "/connections", false);
  workers_[0].run();
  exchange.advance(kPatience - 1ms);
  EXPECT_FALSE(exchange.ended);
  exchange.advance(1ms);
  EXPECT_THAT(ids(exchange), ElementsAre("0000b00700-1"));
  EXPECT_EQ(body(exchange).at("missing_workers"), 1);
  workers_[1].run();  // the exchange is gone by then
  EXPECT_EQ(exchange.touched_after_end, 0);
}

TEST_F(ApiTest, TheLastAnswerMayComeWithTheLastMoment) {
  FakeExchange& exchange = ask("GET", "/connections", false);
  for (FakeWorker& worker : workers_) worker.run();
  exchange.advance(kPatience);  // the answer is on its way to the loop
  exchange.run_posted();
  EXPECT_EQ(body(exchange).at("missing_workers"), 0);
}

TEST_F(ApiTest, ClustersWithWhatWorkersHave) {
  const gateway::Cluster* cluster = plan_->clusters()[0].get();
  const std::uint64_t first = server(0).number;
  workers_[0].pools = {{.cluster = cluster, .pools = {{first, {.free = 1, .busy = 2}}}}};
  workers_[1].pools = {{.cluster = nullptr, .pools = {}},
                       {.cluster = cluster, .pools = {{first, {.free = 4, .waiting = 3}}}}};
  server(0).keep_alive.advertised(5s);
  server(1).health.set_drained(true, clock_.now());
  const auto out = body(ask("GET", "/clusters")).at("clusters").as_array()[0].as_object();
  EXPECT_EQ(out.at("name").as_string(), "a b");
  EXPECT_EQ(out.at("breaker").at("state").as_string(), "closed");
  EXPECT_EQ(out.at("retry_budget").at("taken"), 0);
  EXPECT_EQ(out.at("queue").at("live"), 0);
  const auto& servers = out.at("servers").as_array();
  ASSERT_EQ(servers.size(), 3U);
  EXPECT_EQ(boost::json::serialize(servers[0].at("pools")),
            R"({"free":5,"busy":2,"dialing":0,"witnesses":0,"waiting":3})");
  EXPECT_EQ(servers[0].at("keep_alive").at("advertised_ms"), 5000);
  EXPECT_TRUE(servers[0].at("keep_alive").at("observed_ms").is_null());
  EXPECT_EQ(servers[0].at("keep_alive").at("used_ms"), 5000);
  EXPECT_EQ(servers[0].at("state").as_string(), "up");
  EXPECT_EQ(servers[1].at("state").as_string(), "drained");
}

TEST_F(ApiTest, KillsTheConnectionThatIsMeant) {
  for (FakeWorker& worker : workers_) worker.add(1, Role::server, Phase::idle);
  FakeExchange& exchange = ask("POST", "/connections/0000b00701-1/kill");
  EXPECT_EQ(exchange.status, 200);
  EXPECT_EQ(exchange.body, "{\"killed\":\"0000b00701-1\"}\n");
  EXPECT_EQ(workers_[0].connections.size(), 1U);
  EXPECT_EQ(workers_[1].connections.size(), 0U);
  EXPECT_EQ(error(ask("POST", "/connections/0000b00701-1/kill")),
            "404 there is no live connection 0000b00701-1");
  EXPECT_EQ(error(ask("POST", "/connections/all/kill")), "404 that is no connection's id");
  FakeExchange& late = ask("POST", "/connections/0000b00701-1/kill", false);
  late.advance(kPatience);
  EXPECT_THAT(error(late), HasSubstr("503 a worker did not answer"));
}

TEST_F(ApiTest, DrainsAndRestoresAServer) {
  FakeExchange& drained = ask("POST", "/clusters/a%20b/servers/127.0.0.1:1/drain");
  EXPECT_EQ(drained.body,
            "{\"cluster\":\"a b\",\"server\":\"127.0.0.1:1\",\"state\":\"drained\","
            "\"missing_workers\":0}\n");
  EXPECT_FALSE(server(0).health.available(clock_.now()));
  EXPECT_TRUE(server(1).health.available(clock_.now()));
  EXPECT_EQ(workers_[0].follows + workers_[1].follows, 2);
  ask("POST", "/clusters/a%20b/servers/127.0.0.1:1/restore");
  EXPECT_TRUE(server(0).health.available(clock_.now()));
  EXPECT_EQ(ask("POST", "/clusters/a%20b/servers/unix:%2Frun%2Fx/drain").status, 200);
  EXPECT_FALSE(server(2).health.available(clock_.now()));
}

TEST_F(ApiTest, EjectsAsManyAsTheClusterAllows) {
  EXPECT_EQ(body(ask("POST", "/clusters/a%20b/servers/127.0.0.1:1/eject")).at("state").as_string(),
            "ejected");
  EXPECT_EQ(error(ask("POST", "/clusters/a%20b/servers/127.0.0.1:2/eject")),
            "409 as many servers of the cluster are ejected as eject_percent allows");
  EXPECT_TRUE(server(1).health.available(clock_.now()));
  EXPECT_EQ(
      body(ask("POST", "/clusters/a%20b/servers/127.0.0.1:1/restore")).at("state").as_string(),
      "up");
  EXPECT_EQ(ask("POST", "/clusters/a%20b/servers/127.0.0.1:2/eject").status, 200);
}

TEST_F(ApiTest, WhatIsNotThere) {
  EXPECT_EQ(error(ask("POST", "/clusters/x/servers/127.0.0.1:1/drain")),
            "404 there is no cluster 'x'");
  EXPECT_EQ(error(ask("POST", "/clusters/a%20b/servers/127.0.0.1:9/drain")),
            "404 the cluster 'a b' has no server '127.0.0.1:9'");
  for (const char* path : {"/", "/connections/", "/connections/1", "/clusters/a", "/connections/1/",
                           "/clusters/a%20b/servers/127.0.0.1:1/explode", "/%6", "*"})
    EXPECT_EQ(error(ask("GET", path)), "404 there is no such path") << path;
}

TEST_F(ApiTest, TheIndexListsWhatThereIs) {
  workers_[0].add(1, Role::server, Phase::idle);
  std::string_view index = ApiHandler::kIndex;
  int lines = 0;
  for (; !index.empty(); index.remove_prefix(index.find('\n') + 1)) {
    const std::string_view line = index.substr(0, index.find('\n'));
    if (line.empty()) continue;
    const std::string method(line.substr(2, line.substr(2).find(' ')));
    std::string path(line.substr(7, line.substr(7).find(' ')));
    for (const auto& [word, value] : {std::pair{"ID", "0000b00700-1"}, std::pair{"NAME", "a%20b"},
                                      std::pair{"ADDRESS", "127.0.0.1:1"}}) {
      if (const std::size_t at = path.find(word); at != std::string::npos)
        path.replace(at, std::string_view(word).size(), value);
    }
    EXPECT_EQ(ask(method, path).status, 200) << method << ' ' << path;
    ++lines;
  }
  EXPECT_EQ(lines, 6);
}

TEST_F(ApiTest, OnlyPostChangesSomething) {
  workers_[0].add(1, Role::server, Phase::idle);
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    FakeExchange& kill = ask(method, "/connections/0000b00700-1/kill");
    EXPECT_EQ(error(kill), "405 only POST") << method;
    EXPECT_EQ(kill.header_sent("Allow"), "POST");
    EXPECT_EQ(ask(method, "/clusters/a%20b/servers/127.0.0.1:1/drain").status, 405);
  }
  EXPECT_EQ(error(ask("POST", "/clusters")), "405 only GET, HEAD");
  EXPECT_EQ(workers_[0].connections.size(), 1U);
  EXPECT_TRUE(server(0).health.available(clock_.now()));
}

TEST_F(ApiTest, PagesOfOtherSitesGetNothing) {
  workers_[0].add(1, Role::server, Phase::idle);
  struct Other final : http::Handler {
    void handle(http::Exchange& exchange) override { exchange.abort(record::Cause::app_abort); }
  } other;
  ApiHandler handler({.plan = [this] { return plan_; },
                      .workers = &seen_,
                      .name = {},
                      .more = &other,
                      .clock = &clock_});
  for (const char* path :
       {"/connections/0000b00700-1/kill", "/reload", "/clusters/a%20b/servers/127.0.0.1:1/drain"}) {
    FakeExchange& rebound = begin("POST", path).set_host("evil.test:9090");
    handler.handle(rebound);
    EXPECT_THAT(error(rebound), HasSubstr("403 Host is neither")) << path;
    EXPECT_EQ(rebound.cause, record::Cause::policy_denied);
    FakeExchange& posted = begin("POST", path).add_header("Origin", "http://evil.test");
    handler.handle(posted);
    EXPECT_EQ(error(posted), "403 Origin is another site") << path;
  }
  FakeExchange& read = begin("GET", "/connections").set_host("evil.test");
  handler.handle(read);
  EXPECT_EQ(read.status, 403);
  for (FakeWorker& worker : workers_) worker.run();
  EXPECT_EQ(workers_[0].connections.size(), 1U);
  EXPECT_TRUE(server(0).health.available(clock_.now()));
  FakeExchange& ours = begin("POST", "/reload");
  handler.handle(ours);
  EXPECT_TRUE(ours.aborted) << "the other handler got it";
}

TEST_F(ApiTest, TheConfiguredNameMayAsk) {
  FakeExchange& named = begin("GET", "/connections").set_host("gateway.internal:9090");
  handler_.handle(named);
  for (FakeWorker& worker : workers_) worker.run();
  named.run_posted();
  EXPECT_EQ(named.status, 200);
}

TEST(ClustersJson, NamesAndWhatTheyBrought) {
  gateway::GatewaySettings settings;
  gateway::ClusterSettings& cluster = settings.clusters.emplace_back();
  cluster.name = "api";
  cluster.servers = {{.address = "127.0.0.1:1"}, {.address = "api.test:80"}};
  settings.routes.emplace_back().cluster = cluster.name;
  const auto plan = *gateway::Plan::create(settings, "mark");
  const auto look = [&plan](Instant now) {
    return clusters_json(*plan, {}, now, 0).at("clusters").as_array()[0].as_object();
  };
  const Instant start{1h};
  EXPECT_EQ(boost::json::serialize(look(start).at("names")),
            R"([{"name":"api.test:80","addresses":[],"answers":0,"failures":0,"error":null,)"
            R"("answered_ms_ago":null,"asked_again_in_ms":null}])");
  gateway::ClusterServers& servers = plan->clusters()[0]->membership();
  const gateway::ServerName name = servers.names()[0];
  servers.take_answer(name, {*parse_address("10.0.0.1:80"), *parse_address("10.0.0.2:80")}, start,
                      start + 30s);
  servers.note_failure(name, net::ResolveError::not_found, start + 31s);
  const auto out = look(start + 500ms);
  EXPECT_EQ(boost::json::serialize(out.at("names")),
            R"([{"name":"api.test:80","addresses":["10.0.0.1:80","10.0.0.2:80"],"answers":1,)"
            R"("failures":1,"error":"not_found","answered_ms_ago":500,)"
            R"("asked_again_in_ms":30500}])");
  const auto& list = out.at("servers").as_array();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_TRUE(list[0].at("name").is_null());
  EXPECT_EQ(list[1].at("address").as_string(), "10.0.0.1:80");
  EXPECT_EQ(list[1].at("name").as_string(), "api.test:80");
}

}  // namespace
}  // namespace finack::admin
