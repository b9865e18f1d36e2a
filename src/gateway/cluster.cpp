#include "gateway/cluster.h"

#include <fmt/format.h>

#include <utility>

#include "gateway/lasting_text.h"

namespace finack::gateway {
namespace {

client::Timeouts timeouts_of(const ClusterSettings& cluster) {
  const ClientTimeouts& t = cluster.timeouts;
  return {.resolve = t.resolve,
          .connect = t.connect,
          .tls = t.tls,
          .send = t.send,
          .first_response_byte = t.first_response_byte,
          .response_idle = t.response_idle,
          .tunnel_idle = t.tunnel_idle,
          .cluster = lasting_text(fmt::format("clusters.{}.", cluster.name))};
}

client::PoolRules pool_rules_of(const PoolSettings& p, Nanos wait) {
  return {.connections = p.connections,
          .requests_per_connection = p.requests_per_connection,
          .age = p.age,
          .idle = p.idle,
          .wait = wait,
          .free_connections = p.free_connections};
}

client::RetryRules retry_rules_of(const RetrySettings& r) {
  return {.tries = r.tries, .on_timeout = r.on_timeout, .statuses = status_bits(r.statuses)};
}

http::ResponseLimits response_limits_of(const ResponseLimitSettings& l) {
  http::ResponseLimits limits;
  limits.head_bytes = l.head_bytes;
  limits.headers = l.headers;
  limits.interims = l.interims;
  limits.trailer_bytes = l.trailer_bytes;
  limits.trailers = l.trailers;
  return limits;
}

client::BreakerRules breaker_rules_of(const BreakerSettings& b) {
  return {.consecutive_failures = b.consecutive_failures,
          .failure_percent = b.failure_percent,
          .least_requests = b.least_requests,
          .window = b.window,
          .open_for = b.open_for,
          .probes = b.probes,
          .probe_successes = b.probe_successes};
}

}  // namespace

std::uint64_t status_bits(const std::vector<int>& statuses) {
  std::uint64_t bits = 0;
  for (const int status : statuses) bits |= std::uint64_t{1} << (status - 500);
  return bits;
}

Cluster::Cluster(const ClusterSettings& settings, std::shared_ptr<net::TlsContext> tls)
    : requests(settings.breaker.limits.requests),
      pending(settings.breaker.limits.pending),
      connections(settings.breaker.limits.connections),
      queued(settings.queue_limit),
      settings_(settings),
      timeouts_(timeouts_of(settings)),
      pool_rules_(pool_rules_of(settings.pool, settings.timeouts.queue)),
      response_limits_(response_limits_of(settings.limits)),
      retry_rules_(retry_rules_of(settings.retry)),
      backoff_{.base = settings.retry.backoff.base, .most = settings.retry.backoff.most},
      breaker_(breaker_rules_of(settings.breaker)),
      retry_budget_(settings.retry.budget.percent, settings.retry.budget.least,
                    settings.breaker.limits.retries),
      servers_(settings_, std::move(tls)) {}

Expected<std::shared_ptr<Cluster>> Cluster::create(const ClusterSettings& settings) {
  std::vector<FileStamp> tls_files;
  std::shared_ptr<net::TlsContext> context;
  if (settings.tls) {
    const UpstreamTlsSettings& tls = *settings.tls;
    tls_files = file_stamps(tls);
    auto made = net::TlsContext::client({.verify = tls.verify,
                                         .ca_file = tls.ca,
                                         .certificate_file = tls.certificate,
                                         .key_file = tls.key,
                                         .alpn = tls.alpn});
    if (!made) return std::unexpected(std::move(made.error()));
    context = std::move(*made);
  }
  std::shared_ptr<Cluster> cluster(new Cluster(settings, std::move(context)));
  cluster->tls_files_ = std::move(tls_files);
  return cluster;
}

}  // namespace finack::gateway
