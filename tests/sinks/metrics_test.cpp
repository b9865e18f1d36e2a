#include "finack/sinks/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "sinks/cluster_metric_list.h"
#include "sinks/metric_family.h"
#include "sinks/metric_list.h"
#include "sinks/samples.h"

namespace finack::sinks {
namespace {

using record::Cause;
using record::Counters;
using record::EndedBy;
using record::How;
using record::Phase;
using record::Purpose;
using record::Role;

/// Reads the text format as strictly as it is written: a family is one HELP, one TYPE, then its
/// samples; no family and no series comes twice.
class Exposition {
 public:
  explicit Exposition(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n'));
    for (const std::string& line : test::lines_of(text)) read(line);
  }
  /// The value of "name" or "name{label=\"value\",…}" exactly as exported.
  double value(const std::string& series) const {
    const auto found = series_.find(series);
    if (found == series_.end()) {
      ADD_FAILURE() << "no series " << series;
      return -1;
    }
    return found->second;
  }
  bool has(const std::string& series) const { return series_.contains(series); }
  /// The sum over all series of a family.
  double sum(const std::string& family) const {
    double total = 0;
    for (const auto& [series, value] : series_) {
      if (series.substr(0, series.find('{')) == family) total += value;
    }
    return total;
  }
  const std::vector<std::string>& families() const { return families_; }
  const std::map<std::string, std::string>& types() const { return types_; }

 private:
  void read(const std::string& line) {
    if (line.starts_with("# HELP ")) {
      const std::size_t end = line.find(' ', 7);
      ASSERT_NE(end, std::string::npos) << line;
      family_ = line.substr(7, end - 7);
      EXPECT_GT(line.size(), end + 10) << "help says something: " << line;
      EXPECT_TRUE(seen_.insert(family_).second) << "family twice: " << family_;
      families_.push_back(family_);
    } else if (line.starts_with("# TYPE ")) {
      ASSERT_EQ(line.substr(7, family_.size() + 1), family_ + ' ') << line;
      const std::string type = line.substr(8 + family_.size());
      EXPECT_TRUE(type == "counter" || type == "gauge" || type == "histogram") << line;
      EXPECT_TRUE(types_.emplace(family_, type).second) << line;
    } else {
      read_sample(line);
    }
  }
  void read_sample(const std::string& line) {
    const std::size_t space = line.rfind(' ');
    ASSERT_NE(space, std::string::npos) << line;
    const std::string series = line.substr(0, space);
    std::string name = series.substr(0, series.find('{'));
    if (types_[family_] == "histogram") {
      for (const char* suffix : {"_bucket", "_sum", "_count"}) {
        if (name == family_ + suffix) name = family_;
      }
    }
    EXPECT_EQ(name, family_) << "sample outside its family: " << line;
    std::size_t used = 0;
    const std::string number = line.substr(space + 1);
    const double value = std::stod(number, &used);
    EXPECT_EQ(used, number.size()) << line;
    EXPECT_GE(value, 0) << line;
    EXPECT_TRUE(series_.emplace(series, value).second) << "series twice: " << series;
  }

  std::string family_;
  std::set<std::string> seen_;
  std::vector<std::string> families_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> series_;
};

/// Two workers' traffic and one admin ledger.
class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest() {
    for (std::size_t i = 0; i < 3; ++i) counters_.push_back(std::make_unique<Counters>());
  }
  Counters& worker(std::size_t i) { return *counters_[i]; }
  Counters& admin() { return *counters_[2]; }
  Metrics metrics() {
    return Metrics(
        {.counters =
             [this] {
               return std::vector<CounterSource>{
                   {.counters = counters_[0].get(), .worker = 0},
                   {.counters = counters_[1].get(), .worker = 1},
                   {.counters = counters_[2].get(), .purpose = Purpose::admin}};
             },
         .dropped_lines = [] { return DroppedLines{.records = 17, .console = 5, .log = 3}; },
         .more = {},
         .version = "1.2.3",
         .revision = "abc",
         .loop_backend = "epoll"});
  }
  Exposition exposition() { return Exposition(metrics().text()); }

  static void end(record::Book& book, EndedBy by, How how, Phase phase, Cause cause, int times) {
    book.ended.add(static_cast<std::uint64_t>(times));
    book.endings
        .cell({.role = Role::server,
               .purpose = Purpose::traffic,
               .ended_by = by,
               .how = how,
               .phase = phase,
               .cause = cause})
        .add(static_cast<std::uint64_t>(times));
  }

  std::vector<std::unique_ptr<Counters>> counters_;
};

TEST_F(MetricsTest, EveryListedFamilyIsExportedInOrderWithItsType) {
  worker(0).connections.opened.add();
  end(worker(0).connections, EndedBy::peer, How::fin, Phase::idle, Cause::ok_peer_closed_idle, 1);
  worker(0).requests.opened.add();
  end(worker(0).requests, EndedBy::local, How::none, Phase::flush, Cause::ok_completed, 1);
  const Exposition text = exposition();
  std::vector<std::string> listed;
  for (const MetricInfo* info : kMetricList) {
    listed.emplace_back(info->name);
    EXPECT_TRUE(info->name.starts_with("finack_")) << info->name;
    EXPECT_EQ(info->name.ends_with("_total"), info->type == prometheus::MetricType::Counter)
        << info->name;
    EXPECT_EQ(info->help.find('\n'), std::string_view::npos) << info->name;
    EXPECT_TRUE(info->help.ends_with('.')) << info->name;
  }
  EXPECT_EQ(text.families(), listed);
  EXPECT_EQ(text.types().at("finack_connections_opened_total"), "counter");
  EXPECT_EQ(text.types().at("finack_connections_live"), "gauge");
  EXPECT_EQ(text.types().at("finack_request_duration_seconds"), "histogram");
}

TEST_F(MetricsTest, LabelsAreTheListedOnes) {
  worker(0).connections.opened.add();
  end(worker(0).connections, EndedBy::peer, How::fin, Phase::idle, Cause::ok_peer_closed_idle, 1);
  std::map<std::string, std::string> listed;
  for (const MetricInfo* info : kMetricList) listed.emplace(info->name, info->labels);
  for (const auto& family : metrics().Collect()) {
    for (const auto& metric : family.metric) {
      std::string labels;
      for (const auto& label : metric.label) {
        if (!labels.empty()) labels += ", ";
        labels += label.name;
      }
      EXPECT_EQ(labels, listed.at(family.name)) << family.name;
    }
  }
}

TEST_F(MetricsTest, BooksBalancePerWorker) {
  worker(0).connections.opened.add(7);
  end(worker(0).connections, EndedBy::peer, How::fin, Phase::idle, Cause::ok_peer_closed_idle, 4);
  worker(1).connections.opened.add(2);
  worker(1).requests.opened.add(5);
  end(worker(1).requests, EndedBy::local, How::none, Phase::flush, Cause::ok_completed, 5);
  admin().connections.opened.add(3);
  admin().connections.ended.add(2);
  const Exposition text = exposition();
  const std::string zero = R"({role="server",worker="0"})";
  const std::string one = R"({role="server",worker="1"})";
  EXPECT_EQ(text.value("finack_connections_opened_total" + zero), 7);
  EXPECT_EQ(text.value("finack_connections_ended_total" + zero), 4);
  EXPECT_EQ(text.value("finack_connections_live" + zero), 3);
  EXPECT_EQ(text.value("finack_connections_opened_total" + one), 2);
  EXPECT_EQ(text.value("finack_connections_live" + one), 2);
  EXPECT_EQ(text.value("finack_requests_ended_total" + one), 5);
  EXPECT_EQ(text.value("finack_requests_live" + one), 0);
  EXPECT_EQ(text.sum("finack_connections_opened_total"), 9) << "the admin's stay out";
  EXPECT_EQ(text.value(R"(finack_nontraffic_connections_opened_total{purpose="admin"})"), 3);
  EXPECT_EQ(text.value(R"(finack_nontraffic_connections_live{purpose="admin"})"), 1);
  EXPECT_EQ(text.value(R"(finack_nontraffic_connections_live{purpose="health"})"), 0);
  EXPECT_EQ(text.value("finack_workers"), 2);
}

TEST_F(MetricsTest, EndingsAreAddedUpOverWorkersByTheClosedLists) {
  for (std::size_t i = 0; i < 2; ++i) {
    end(worker(i).connections, EndedBy::peer, How::rst, Phase::handling, Cause::client_left_waiting,
        3);
  }
  end(worker(0).connections, EndedBy::local, How::timeout, Phase::head, Cause::timeout_head, 2);
  end(worker(0).requests, EndedBy::local, How::none, Phase::accept, Cause::unknown, 1);
  const Exposition text = exposition();
  EXPECT_EQ(text.value(R"(finack_connection_endings_total{role="server",ended_by="peer",how="rst",)"
                       R"(phase="handling",cause="client.left_waiting"})"),
            6);
  EXPECT_EQ(text.value(R"(finack_connection_endings_total{role="server",ended_by="local",)"
                       R"(how="timeout",phase="head",cause="timeout.head"})"),
            2);
  EXPECT_EQ(text.sum("finack_connection_endings_total"),
            text.sum("finack_connections_ended_total"));
  EXPECT_EQ(text.value("finack_unknown_endings_total"), 1);
}

TEST_F(MetricsTest, LiveByPhaseListsTheServersPhases) {
  worker(0).live_by_phase[static_cast<std::size_t>(Phase::idle)].add(4);
  worker(1).live_by_phase[static_cast<std::size_t>(Phase::idle)].add(1);
  const Exposition text = exposition();
  EXPECT_EQ(text.value(R"(finack_connections_in_phase{role="server",phase="idle"})"), 5);
  EXPECT_EQ(text.value(R"(finack_connections_in_phase{role="server",phase="head"})"), 0);
  EXPECT_FALSE(text.has(R"(finack_connections_in_phase{role="server",phase="pool"})"));
}

TEST_F(MetricsTest, DialedConnectionsHaveBooksOfTheirOwn) {
  worker(0).connections.opened.add(2);
  EXPECT_FALSE(exposition().has(R"(finack_connections_live{role="client",worker="0"})"));
  record::Books& dialed = worker(0).dialed;
  dialed.connections.opened.add(5);
  dialed.connections.ended.add(1);
  dialed.connections.endings
      .cell({.role = Role::client,
             .purpose = Purpose::traffic,
             .ended_by = EndedBy::peer,
             .how = How::fin,
             .phase = Phase::pool,
             .cause = Cause::ok_pool_peer_closed})
      .add();
  dialed.requests.opened.add(3);
  dialed.requests.bytes_in.add(11);
  dialed.live_by_phase[static_cast<std::size_t>(Phase::pool)].add(4);
  dialed.response(503);
  dialed.request_duration.add(std::chrono::milliseconds(1));
  const Exposition text = exposition();
  EXPECT_EQ(text.value(R"(finack_connections_live{role="client",worker="0"})"), 4);
  EXPECT_EQ(text.value(R"(finack_connections_live{role="client",worker="1"})"), 0);
  EXPECT_EQ(text.value(R"(finack_connections_opened_total{role="server",worker="0"})"), 2);
  EXPECT_EQ(text.value(R"(finack_connections_in_phase{role="client",phase="pool"})"), 4);
  EXPECT_EQ(text.value(R"(finack_connection_endings_total{role="client",ended_by="peer",how="fin",)"
                       R"(phase="pool",cause="ok.pool_peer_closed"})"),
            1);
  EXPECT_EQ(text.value(R"(finack_requests_opened_total{role="client",worker="0"})"), 3);
  EXPECT_EQ(text.value(R"(finack_request_received_bytes_total{role="client"})"), 11);
  EXPECT_EQ(text.value(R"(finack_responses_total{role="client",class="5xx"})"), 1);
  EXPECT_EQ(text.value(R"(finack_responses_total{role="server",class="5xx"})"), 0);
  EXPECT_EQ(text.value(R"(finack_request_duration_seconds_count{role="client"})"), 1);
  EXPECT_EQ(text.value(R"(finack_request_duration_seconds_count{role="server"})"), 0);
}

TEST_F(MetricsTest, HistogramsAreCumulativeInSeconds) {
  worker(0).request_duration.add(std::chrono::microseconds(100));
  worker(1).request_duration.add(std::chrono::milliseconds(1));
  worker(1).request_duration.add(std::chrono::seconds(100));
  const Exposition text = exposition();
  const auto bucket = [&](const char* le) {
    return text.value(std::string(R"(finack_request_duration_seconds_bucket{role="server",le=")") +
                      le + "\"}");
  };
  EXPECT_EQ(bucket("0.000128"), 1);
  EXPECT_EQ(bucket("0.000512"), 1);
  EXPECT_EQ(bucket("0.001024"), 2);
  EXPECT_EQ(bucket("+Inf"), 3);
  EXPECT_EQ(text.value(R"(finack_request_duration_seconds_count{role="server"})"), 3);
  EXPECT_NEAR(text.value(R"(finack_request_duration_seconds_sum{role="server"})"), 100.0011, 1e-6);
  EXPECT_EQ(text.value(R"(finack_request_time_to_first_byte_seconds_count{role="server"})"), 0);
}

TEST_F(MetricsTest, CountsOfEverythingElse) {
  worker(0).connections.bytes_in.add(10);
  worker(1).connections.bytes_out.add(20);
  worker(1).connections.undelivered_bytes.add(5);
  worker(0).requests.bytes_in.add(7);
  worker(0).timer_fired(record::TimerKind::head);
  worker(1).timer_fired(record::TimerKind::head);
  worker(0).findings[static_cast<std::size_t>(record::Finding::loop_blocked)].add(2);
  worker(0).response(200);
  worker(0).response(204);
  worker(0).response(503);
  worker(0).accepts.shed.add(3);
  worker(0).dropped_records.add(4);
  worker(0).exceptions.add(6);
  const Exposition text = exposition();
  EXPECT_EQ(text.value(R"(finack_received_bytes_total{role="server"})"), 10);
  EXPECT_EQ(text.value(R"(finack_sent_bytes_total{role="server"})"), 20);
  EXPECT_EQ(text.value(R"(finack_undelivered_bytes_total{role="server"})"), 5);
  EXPECT_EQ(text.value(R"(finack_request_received_bytes_total{role="server"})"), 7);
  EXPECT_EQ(text.value(R"(finack_timer_fires_total{timer="head"})"), 2);
  EXPECT_EQ(text.value(R"(finack_timer_fires_total{timer="idle"})"), 0);
  EXPECT_EQ(text.value(R"(finack_findings_total{finding="finding.loop_blocked"})"), 2);
  EXPECT_EQ(text.value(R"(finack_responses_total{role="server",class="2xx"})"), 2);
  EXPECT_EQ(text.value(R"(finack_responses_total{role="server",class="5xx"})"), 1);
  EXPECT_EQ(text.value(R"(finack_accepts_total{result="shed"})"), 3);
  EXPECT_EQ(text.value("finack_records_dropped_total"), 4);
  EXPECT_EQ(text.value(R"(finack_record_lines_dropped_total{sink="records"})"), 17);
  EXPECT_EQ(text.value(R"(finack_record_lines_dropped_total{sink="console"})"), 5);
  EXPECT_EQ(text.value("finack_log_lines_dropped_total"), 3);
  EXPECT_EQ(text.value("finack_handler_exceptions_total"), 6);
  EXPECT_EQ(text.value(R"(finack_build_info{version="1.2.3",revision="abc",loop_backend="epoll"})"),
            1);
}

TEST_F(MetricsTest, LostRecordsAreCountedWhateverTheirPurpose) {
  worker(0).dropped_records.add(1);
  admin().dropped_records.add(2);
  Counters health;
  health.dropped_records.add(4);
  const Metrics metrics({.counters =
                             [&] {
                               return std::vector<CounterSource>{
                                   {.counters = &worker(0)},
                                   {.counters = &admin(), .purpose = Purpose::admin},
                                   {.counters = &health, .purpose = Purpose::health}};
                             },
                         .dropped_lines = {},
                         .more = {},
                         .version = {},
                         .revision = {},
                         .loop_backend = {}});
  EXPECT_EQ(Exposition(metrics.text()).value("finack_records_dropped_total"), 7);
}

TEST_F(MetricsTest, FamiliesOfOthersStandBehindOurs) {
  const Metrics metrics({.counters = [] { return std::vector<CounterSource>(); },
                         .dropped_lines = {},
                         .more =
                             [](std::vector<prometheus::MetricFamily>& all) {
                               Family(all, kUpstreamRtt).add(0.5, {{"cluster", "api"}});
                             },
                         .version = {},
                         .revision = {},
                         .loop_backend = {}});
  const Exposition text{metrics.text()};
  EXPECT_EQ(text.families().back(), "finack_upstream_rtt_seconds");
  EXPECT_EQ(text.value(R"(finack_upstream_rtt_seconds{cluster="api"})"), 0.5);
}

TEST_F(MetricsTest, ProcessFactsAreThisProcess) {
  const Exposition before = exposition();
  const test::MemoryFile one_more;
  const Exposition after = exposition();
  EXPECT_EQ(after.value("finack_process_open_fds"), before.value("finack_process_open_fds") + 1);
  EXPECT_GT(after.value("finack_process_resident_memory_bytes"), 1e6);
  EXPECT_GT(after.value("finack_process_max_fds"), 0);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(after.value("finack_process_start_time_seconds"), now, 3600);
}

TEST_F(MetricsTest, NoLedgersIsNoCrash) {
  const Metrics none({.counters = [] { return std::vector<CounterSource>(); },
                      .dropped_lines = {},
                      .more = {},
                      .version = {},
                      .revision = {},
                      .loop_backend = {}});
  const Exposition text{none.text()};
  EXPECT_EQ(text.value("finack_workers"), 0);
  EXPECT_EQ(text.value(R"(finack_record_lines_dropped_total{sink="records"})"), 0);
}

TEST(MetricsReference, HasARowForEachFamily) {
  const std::string page = metrics_reference_markdown();
  EXPECT_TRUE(page.starts_with("# Metrics\n\n<!-- Generated from the tables")) << page;
  const std::size_t clusters = page.find("\n## Clusters\n");
  ASSERT_NE(clusters, std::string::npos);
  const std::size_t first = page.find("| metric |");
  const auto lines = test::lines_of(page.substr(first, clusters - first));
  ASSERT_EQ(lines.size(), 2 + std::size(kMetricList));
  EXPECT_EQ(
      lines[4],
      "| `finack_connections_opened_total` | counter | `role`, `worker` | Connections opened: "
      "accepted, or dialed. Opened = ended + live. |");
  for (std::size_t i = 0; i < std::size(kMetricList); ++i) {
    EXPECT_NE(lines[i + 2].find('`' + std::string(kMetricList[i]->name) + '`'), std::string::npos);
  }
  for (const MetricInfo* info : kClusterMetricList) {
    const std::size_t row = page.find("\n| `" + std::string(info->name) + "` |");
    EXPECT_TRUE(row != std::string::npos && row > clusters) << info->name;
  }
}

}  // namespace
}  // namespace finack::sinks
