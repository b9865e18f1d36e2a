#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/backoff.h"
#include "client/breaker.h"
#include "client/pool.h"
#include "client/retry.h"
#include "client/retry_budget.h"
#include "finack/base/error.h"
#include "gateway/bounded_count.h"
#include "gateway/cluster_servers.h"
#include "gateway/cluster_settings.h"
#include "gateway/file_stamps.h"

namespace finack::gateway {

/// As client::RetryRules has them.
std::uint64_t status_bits(const std::vector<int>& statuses);

/// A cluster as all workers of the process share it: its servers, what may be under way, its
/// breaker. Made from settings and not changed after, but for what its servers' names resolve to;
/// any thread.
class Cluster {
 public:
  static Expected<std::shared_ptr<Cluster>> create(const ClusterSettings& settings);

  const ClusterSettings& settings() const { return settings_; }
  /// Whether a cluster of `settings` would be this one: nor have the files they name changed.
  bool serves_for(const ClusterSettings& settings) const {
    return settings_ == settings && (!settings.tls || tls_files_ == file_stamps(*settings.tls));
  }
  /// Its servers as they are at this moment; a copy, which alone may keep one that left.
  ClusterServers::List servers() const { return *servers_.board().current().first; }
  ClusterServers& membership() { return servers_; }
  const ClusterServers& membership() const { return servers_; }
  const client::Timeouts& timeouts() const { return timeouts_; }
  const client::PoolRules& pool_rules() const { return pool_rules_; }
  const http::ResponseLimits& response_limits() const { return response_limits_; }
  const client::RetryRules& retry_rules() const { return retry_rules_; }
  const client::Backoff& backoff() const { return backoff_; }
  client::Breaker& breaker() { return breaker_; }
  client::RetryBudget& retry_budget() { return retry_budget_; }

  /// Requests under way, by breaker.limits.requests.
  BoundedCount requests;
  /// Of them, those that wait for a connection, by breaker.limits.pending; not counted without one.
  BoundedCount pending;
  /// Tries under way, each of one connection, by breaker.limits.connections; not counted
  /// without one.
  BoundedCount connections;
  /// Requests that wait for a slot; take_place() holds them to queue.limit.
  BoundedCount queued;
  /// False: no more may wait.
  bool take_place() { return settings_.queue_limit != 0 && queued.try_take(); }

 private:
  Cluster(const ClusterSettings& settings, std::shared_ptr<net::TlsContext> tls);

  ClusterSettings settings_;
  std::vector<FileStamp> tls_files_;  ///< As they were read.
  client::Timeouts timeouts_;
  client::PoolRules pool_rules_;
  http::ResponseLimits response_limits_;
  client::RetryRules retry_rules_;
  client::Backoff backoff_;
  client::Breaker breaker_;
  client::RetryBudget retry_budget_;
  ClusterServers servers_;
};

}  // namespace finack::gateway
