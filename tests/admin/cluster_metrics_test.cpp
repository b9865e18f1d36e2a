#include "admin/cluster_metrics.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <string>
#include <vector>

#include "sinks/cluster_metric_list.h"

namespace finack::admin {
namespace {

using namespace std::chrono_literals;

/// Two clusters, "api" of two servers and "files" of one.
class ClusterMetricsTest : public ::testing::Test {
 protected:
  ClusterMetricsTest() {
    add_cluster("api", {"127.0.0.1:1", "unix:/run/x"});
    add_cluster("files", {"127.0.0.1:1"});
    gateway::ClusterSettings& api = settings_.clusters[0];
    api.breaker.limits.requests = 7;
    api.breaker.consecutive_failures = 1;
    api.queue_limit = 3;
    make();
  }
  void add_cluster(const char* name, const std::vector<const char*>& servers) {
    gateway::ClusterSettings& cluster = settings_.clusters.emplace_back();
    cluster.name = name;
    for (const char* address : servers) cluster.servers.push_back({.address = address});
    settings_.routes.emplace_back().cluster = name;
  }
  void make() { plan_ = *gateway::Plan::create(settings_, "mark"); }

  gateway::Cluster& cluster(std::size_t i) { return *plan_->clusters()[i]; }
  client::UpstreamServer& server(std::size_t i) { return *cluster(0).servers()[i]; }
  std::vector<prometheus::MetricFamily> families() {
    std::vector<prometheus::MetricFamily> all(1);
    add_cluster_metrics(all, *plan_, now_);
    EXPECT_TRUE(all.front().name.empty()) << "what was there stays in front";
    all.erase(all.begin());
    return all;
  }
  /// The lines of samples, by series; none comes twice.
  std::map<std::string, std::string> samples() {
    std::map<std::string, std::string> out;
    const std::string text = prometheus::TextSerializer().Serialize(families());
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      at = end + 1;
      if (line.starts_with('#')) continue;
      const std::size_t space = line.rfind(' ');
      EXPECT_TRUE(out.emplace(line.substr(0, space), line.substr(space + 1)).second) << line;
    }
    return out;
  }
  /// The value of a family's series, "none" where there is no such.
  std::string value(const std::string& family, const std::string& labels) {
    const auto all = samples();
    const auto found = all.find(family + '{' + labels + '}');
    return found == all.end() ? "none" : found->second;
  }
  std::string keep_alive(const std::string& limit, const std::string& server = "127.0.0.1:1") {
    return value("finack_upstream_keep_alive_seconds",
                 "cluster=\"api\",server=\"" + server + "\",limit=\"" + limit + '"');
  }
  std::string state(const std::string& word) {
    return value("finack_upstream_state",
                 R"(cluster="api",server="127.0.0.1:1",state=")" + word + '"');
  }

  gateway::GatewaySettings settings_;
  std::shared_ptr<const gateway::Plan> plan_;
  Instant now_{1h};
};

TEST_F(ClusterMetricsTest, families_and_labels_are_the_listed_ones) {
  server(0).rtt.store(1'500'000);
  const auto all = families();
  ASSERT_EQ(all.size(), std::size(sinks::kClusterMetricList));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const sinks::MetricInfo& info = *sinks::kClusterMetricList[i];
    EXPECT_EQ(all[i].name, info.name);
    EXPECT_EQ(all[i].type, info.type);
    EXPECT_EQ(info.name.ends_with("_total"), info.type == prometheus::MetricType::Counter);
    EXPECT_TRUE(info.help.ends_with('.')) << info.name;
    EXPECT_FALSE(all[i].metric.empty()) << info.name;
    for (const auto& metric : all[i].metric) {
      std::string labels;
      for (const auto& label : metric.label) labels += (labels.empty() ? "" : ", ") + label.name;
      EXPECT_EQ(labels, info.labels) << info.name;
    }
  }
}

TEST_F(ClusterMetricsTest, what_is_known_of_a_server_s_keep_alive) {
  EXPECT_EQ(keep_alive("advertised"), "none");
  EXPECT_EQ(keep_alive("observed"), "none");
  EXPECT_EQ(keep_alive("used"), "60") << "our own limit";
  server(0).keep_alive.advertised(5s);
  server(0).keep_alive.closed_idle(2500ms, now_);
  EXPECT_EQ(keep_alive("advertised"), "5");
  EXPECT_EQ(keep_alive("observed"), "2.5");
  EXPECT_EQ(keep_alive("used"), "2.5");
  EXPECT_EQ(keep_alive("observed", "unix:/run/x"), "none") << "another server";
  EXPECT_EQ(keep_alive("used", "unix:/run/x"), "60");
}

TEST_F(ClusterMetricsTest, no_limit_at_all_is_absent) {
  settings_.clusters[0].pool.idle = 0s;
  make();
  EXPECT_EQ(keep_alive("used"), "none");
  server(0).keep_alive.advertised(5s);
  EXPECT_EQ(keep_alive("used"), "5");
}

TEST_F(ClusterMetricsTest, one_state_of_a_server_is_1) {
  const auto states = [&] {
    return state("up") + state("down") + state("ejected") + state("drained");
  };
  EXPECT_EQ(states(), "1000");
  const auto ejections = [&] {
    return value("finack_upstream_ejections_total", R"(cluster="api",server="127.0.0.1:1")");
  };
  EXPECT_EQ(ejections(), "0");
  ASSERT_TRUE(server(0).health.eject(now_));
  EXPECT_EQ(states(), "0010");
  EXPECT_EQ(ejections(), "1");
  now_ += 1h;
  EXPECT_EQ(states(), "1000") << "by itself";
  for (int i = 0; i < 3; ++i) server(0).health.check_failed(now_);
  EXPECT_EQ(states(), "0100");
  server(0).health.set_drained(true, now_);
  EXPECT_EQ(states(), "0001");
  EXPECT_EQ(value("finack_upstream_state", R"(cluster="files",server="127.0.0.1:1",state="up")"),
            "1")
      << "the same address in another cluster";
}

TEST_F(ClusterMetricsTest, what_is_under_way_and_what_is_allowed) {
  const std::string one = R"(cluster="api",server="127.0.0.1:1")";
  server(0).requests_live = 4;
  server(0).connections_live = 6;
  server(0).connections_free = 2;
  EXPECT_EQ(value("finack_upstream_requests_live", one), "4");
  EXPECT_EQ(value("finack_upstream_connections_live", one), "6");
  EXPECT_EQ(value("finack_upstream_connections_free", one), "2");
  EXPECT_EQ(value("finack_upstream_rtt_seconds", one), "none");
  server(0).rtt.store(1'500'000);
  EXPECT_EQ(value("finack_upstream_rtt_seconds", one), "0.0015");
  ASSERT_TRUE(cluster(0).requests.try_take());
  ASSERT_TRUE(cluster(0).take_place());
  ASSERT_TRUE(cluster(0).retry_budget().try_take(1));
  EXPECT_EQ(value("finack_cluster_requests_live", R"(cluster="api")"), "1");
  EXPECT_EQ(value("finack_cluster_requests_limit", R"(cluster="api")"), "7");
  EXPECT_EQ(value("finack_cluster_requests_limit", R"(cluster="files")"), "none");
  EXPECT_EQ(value("finack_cluster_queue_live", R"(cluster="api")"), "1");
  EXPECT_EQ(value("finack_cluster_queue_limit", R"(cluster="api")"), "3");
  EXPECT_EQ(value("finack_cluster_retries_live", R"(cluster="api")"), "1");
}

TEST_F(ClusterMetricsTest, the_breaker_s_state) {
  const auto states = [&] {
    std::string out;
    for (const char* word : {"closed", "open", "half_open"})
      out += value("finack_cluster_breaker_state",
                   std::string(R"(cluster="api",state=")") + word + '"');
    return out;
  };
  EXPECT_EQ(states(), "100");
  client::Breaker& breaker = cluster(0).breaker();
  breaker.failed(breaker.admit(now_), now_);
  EXPECT_EQ(states(), "010");
  now_ += 1min;
  EXPECT_EQ(breaker.admit(now_), client::Breaker::Admit::probe);
  EXPECT_EQ(states(), "001");
  EXPECT_EQ(value("finack_cluster_breaker_opened_total", R"(cluster="api")"), "1");
  EXPECT_EQ(value("finack_cluster_breaker_opened_total", R"(cluster="files")"), "0");
}

TEST_F(ClusterMetricsTest, a_server_that_is_listed_twice_is_shown_once) {
  settings_.clusters[0].servers.push_back({.address = "127.0.0.1:1"});
  make();
  server(0).connections_live = 1;
  server(2).connections_live = 5;
  EXPECT_EQ(value("finack_upstream_connections_live", R"(cluster="api",server="127.0.0.1:1")"),
            "1");
}

}  // namespace
}  // namespace finack::admin
