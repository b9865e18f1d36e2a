#pragma once
#include "sinks/metric_info.h"

namespace finack::sinks {

// What a gateway adds: a series for each cluster, or for each of its servers, that its file names,
// and each of the few words of `state` and `limit`.

inline constexpr MetricInfo kClusterRequestsLive{
    "finack_cluster_requests_live", Gauge, "cluster",
    "Requests under way in the cluster, without those that wait for a slot."};
inline constexpr MetricInfo kClusterRequestsLimit{
    "finack_cluster_requests_limit", Gauge, "cluster",
    "What breaker.limits.requests allows; absent: no limit."};
inline constexpr MetricInfo kClusterQueueLive{"finack_cluster_queue_live", Gauge, "cluster",
                                              "Requests that wait for a slot."};
inline constexpr MetricInfo kClusterQueueLimit{"finack_cluster_queue_limit", Gauge, "cluster",
                                               "What queue.limit allows; 0: nobody may wait."};
inline constexpr MetricInfo kClusterRetriesLive{"finack_cluster_retries_live", Gauge, "cluster",
                                                "Retries under way that the retry budget counts."};
inline constexpr MetricInfo kClusterBreakerState{
    "finack_cluster_breaker_state", Gauge, "cluster, state",
    "1 for the state of the cluster's breaker, 0 for the others: closed, open, half_open."};
inline constexpr MetricInfo kClusterBreakerOpened{
    "finack_cluster_breaker_opened_total", Counter, "cluster",
    "Times the breaker opened since its cluster's settings changed."};
inline constexpr MetricInfo kUpstreamState{
    "finack_upstream_state", Gauge, "cluster, server, state",
    "1 for the state of the server, 0 for the others: up, down (active checks fail), ejected, "
    "drained."};
inline constexpr MetricInfo kUpstreamEjections{
    "finack_upstream_ejections_total", Counter, "cluster, server",
    "Times the server was ejected since its cluster's settings changed."};
inline constexpr MetricInfo kUpstreamRequestsLive{
    "finack_upstream_requests_live", Gauge, "cluster, server", "Tries under way at the server."};
inline constexpr MetricInfo kUpstreamConnectionsLive{
    "finack_upstream_connections_live", Gauge, "cluster, server",
    "Connections to the server: being dialed, busy, or free."};
inline constexpr MetricInfo kUpstreamConnectionsFree{"finack_upstream_connections_free", Gauge,
                                                     "cluster, server",
                                                     "Of them, those that wait for a request."};
inline constexpr MetricInfo kUpstreamRtt{"finack_upstream_rtt_seconds", Gauge, "cluster, server",
                                         "Smoothed round trip to the server; absent until known."};
inline constexpr MetricInfo kUpstreamKeepAlive{
    "finack_upstream_keep_alive_seconds", Gauge, "cluster, server, limit",
    "How long the server keeps idle connections: advertised (by its header), observed (from its "
    "closes), used (what the pools go by). A limit that is not known, or (used) none at all, is "
    "absent."};

/// Every family of a gateway's clusters, in the order of export, behind those of kMetricList.
inline constexpr const MetricInfo* kClusterMetricList[] = {
    &kClusterRequestsLive,  &kClusterRequestsLimit,    &kClusterQueueLive,
    &kClusterQueueLimit,    &kClusterRetriesLive,      &kClusterBreakerState,
    &kClusterBreakerOpened, &kUpstreamState,           &kUpstreamEjections,
    &kUpstreamRequestsLive, &kUpstreamConnectionsLive, &kUpstreamConnectionsFree,
    &kUpstreamRtt,          &kUpstreamKeepAlive,
};

}  // namespace finack::sinks
