#include "admin/cluster_metrics.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sinks/cluster_metric_list.h"
#include "sinks/metric_family.h"

namespace finack::admin {
namespace {

using client::Availability;
using client::BreakerState;
using client::UpstreamServer;
using prometheus::MetricFamily;
using sinks::Family;
using sinks::Labels;

constexpr BreakerState kBreakerStates[] = {BreakerState::closed, BreakerState::open,
                                           BreakerState::half_open};
constexpr Availability kStates[] = {Availability::up, Availability::down, Availability::ejected,
                                    Availability::drained};

double seconds(Nanos time) { return std::chrono::duration<double>(time).count(); }

Labels labels_of(const gateway::Cluster& cluster) { return {{"cluster", cluster.settings().name}}; }

/// Of a cluster's states or limits, one.
Labels with(Labels labels, const char* name, std::string_view word) {
  labels.push_back({name, std::string(word)});
  return labels;
}

/// A server and the labels of its series.
struct Row {
  std::shared_ptr<const UpstreamServer> server;  ///< An answer may take it out of its cluster.
  Labels labels;
};

/// Each server once: no two series may have the same labels.
std::vector<Row> rows_of(const gateway::Plan& plan) {
  std::vector<Row> rows;
  for (const auto& cluster : plan.clusters()) {
    const std::size_t first = rows.size();
    for (const auto& server : cluster->servers()) {
      const bool seen = std::ranges::any_of(std::span(rows).subspan(first), [&](const Row& row) {
        return row.server->name == server->name;
      });
      if (!seen) rows.push_back({server, with(labels_of(*cluster), "server", server->name)});
    }
  }
  return rows;
}

using Clusters = std::vector<std::shared_ptr<gateway::Cluster>>;

void add_load(std::vector<MetricFamily>& all, const Clusters& clusters) {
  Family live(all, sinks::kClusterRequestsLive);
  Family limit(all, sinks::kClusterRequestsLimit);
  Family queued(all, sinks::kClusterQueueLive);
  Family queue_limit(all, sinks::kClusterQueueLimit);
  Family retries(all, sinks::kClusterRetriesLive);
  for (const auto& cluster : clusters) {
    const Labels labels = labels_of(*cluster);
    live.add(cluster->requests.count(), labels);
    if (cluster->requests.most() != 0) limit.add(cluster->requests.most(), labels);
    queued.add(cluster->queued.count(), labels);
    queue_limit.add(cluster->settings().queue_limit, labels);
    retries.add(cluster->retry_budget().taken(), labels);
  }
}

void add_breakers(std::vector<MetricFamily>& all, const Clusters& clusters) {
  Family states(all, sinks::kClusterBreakerState);
  Family opened(all, sinks::kClusterBreakerOpened);
  for (const auto& cluster : clusters) {
    const client::Breaker& breaker = cluster->breaker();
    const BreakerState is = breaker.state();
    for (const BreakerState state : kBreakerStates)
      states.add(state == is ? 1 : 0, with(labels_of(*cluster), "state", client::name(state)));
    opened.add(breaker.opened(), labels_of(*cluster));
  }
}

void add_health(std::vector<MetricFamily>& all, const std::vector<Row>& rows, Instant now) {
  Family states(all, sinks::kUpstreamState);
  Family ejections(all, sinks::kUpstreamEjections);
  for (const Row& row : rows) {
    const Availability is = row.server->health.availability(now);
    for (const Availability state : kStates)
      states.add(state == is ? 1 : 0, with(row.labels, "state", client::name(state)));
    ejections.add(row.server->health.ejections(), row.labels);
  }
}

void add_connections(std::vector<MetricFamily>& all, const std::vector<Row>& rows) {
  Family requests(all, sinks::kUpstreamRequestsLive);
  Family live(all, sinks::kUpstreamConnectionsLive);
  Family free(all, sinks::kUpstreamConnectionsFree);
  Family rtts(all, sinks::kUpstreamRtt);
  for (const Row& row : rows) {
    const auto read = [](const auto& number) { return number.load(std::memory_order_relaxed); };
    requests.add(read(row.server->requests_live), row.labels);
    live.add(read(row.server->connections_live), row.labels);
    free.add(read(row.server->connections_free), row.labels);
    if (const Nanos rtt(read(row.server->rtt)); rtt != Nanos{0}) rtts.add(seconds(rtt), row.labels);
  }
}

void add_keep_alive(std::vector<MetricFamily>& all, const std::vector<Row>& rows) {
  Family limits(all, sinks::kUpstreamKeepAlive);
  for (const Row& row : rows) {
    const client::KeepAliveFacts facts = row.server->keep_alive.facts();
    const auto add = [&](std::string_view word, std::optional<Nanos> limit) {
      if (limit) limits.add(seconds(*limit), with(row.labels, "limit", word));
    };
    add("advertised", facts.advertised);
    add("observed", facts.observed);
    add("used", facts.used);
  }
}

}  // namespace

void add_cluster_metrics(std::vector<MetricFamily>& all, const gateway::Plan& plan, Instant now) {
  // A family ends up in `all` when it ends.
  const std::size_t before = all.size();
  add_load(all, plan.clusters());
  add_breakers(all, plan.clusters());
  const std::vector<Row> rows = rows_of(plan);
  add_health(all, rows, now);
  add_connections(all, rows);
  add_keep_alive(all, rows);
  sinks::sort_as_listed(std::span(all).subspan(before), sinks::kClusterMetricList);
}

}  // namespace finack::admin
