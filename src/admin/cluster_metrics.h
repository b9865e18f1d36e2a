#pragma once
#include <prometheus/metric_family.h>

#include <vector>

#include "finack/base/clock.h"
#include "gateway/plan.h"

namespace finack::admin {

/// Adds what Prometheus is to know of a gateway's clusters and servers: the families of
/// sinks::kClusterMetricList. Reads atomics, and for the keep-alive limits takes a lock that
/// workers seldom want; stops nobody. Any thread.
void add_cluster_metrics(std::vector<prometheus::MetricFamily>& all, const gateway::Plan& plan,
                         Instant now);

}  // namespace finack::admin
