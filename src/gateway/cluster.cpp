#include "gateway/cluster.h"

#include <fmt/format.h>

#include <charconv>

#include "finack/base/address.h"
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

/// As the server's listeners take them (net::ListenerOptions).
net::DialOptions dial_options_of(const ClusterSettings& cluster) {
  using std::chrono::ceil;
  net::DialOptions options;
  options.tcp_keepalive_s =
      static_cast<std::uint32_t>(ceil<std::chrono::seconds>(cluster.tcp_keepalive).count());
  options.tcp_user_timeout_ms =
      static_cast<std::uint32_t>(ceil<std::chrono::milliseconds>(cluster.tcp_user_timeout).count());
  return options;
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

client::HealthRules health_rules_of(const HealthSettings& h) {
  client::HealthRules rules{.eject_after = h.passive.eject_after,
                            .eject_for = h.passive.eject_for,
                            .eject_most = h.passive.eject_most,
                            .eject_percent = h.passive.eject_percent,
                            .slow_start = h.passive.slow_start};
  if (h.active) {
    rules.fall = h.active->fall;
    rules.rise = h.active->rise;
    rules.starts_up = h.active->starts_up;
  }
  return rules;
}

/// The file's check has let only these forms through.
client::UpstreamTarget target_of(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix)) return net::DialTarget::unix_socket(address.substr(kUnix.size()));
  if (const auto parsed = parse_address(address))
    return net::DialTarget{.address = *parsed, .unix_path = {}};
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return {address.substr(0, colon), port};
}

std::uint32_t count(const std::vector<UpstreamServerSettings>& servers) {
  return static_cast<std::uint32_t>(servers.size());
}

}  // namespace

std::uint64_t status_bits(const std::vector<int>& statuses) {
  std::uint64_t bits = 0;
  for (const int status : statuses) bits |= std::uint64_t{1} << (status - 500);
  return bits;
}

Cluster::Cluster(const ClusterSettings& settings)
    : requests(settings.breaker.limits.requests),
      pending(settings.breaker.limits.pending),
      queued(settings.queue_limit),
      settings_(settings),
      timeouts_(timeouts_of(settings)),
      pool_rules_(pool_rules_of(settings.pool, settings.timeouts.queue)),
      response_limits_(response_limits_of(settings.limits)),
      retry_rules_(retry_rules_of(settings.retry)),
      backoff_{.base = settings.retry.backoff.base, .most = settings.retry.backoff.most},
      quota_(count(settings.servers), settings.health.passive.eject_percent),
      breaker_(breaker_rules_of(settings.breaker)),
      retry_budget_(settings.retry.budget.percent, settings.retry.budget.least,
                    settings.breaker.limits.retries) {}

Expected<std::shared_ptr<Cluster>> Cluster::create(const ClusterSettings& settings) {
  std::shared_ptr<Cluster> cluster(new Cluster(settings));
  const client::HealthRules health = health_rules_of(settings.health);
  std::shared_ptr<net::TlsContext> context;
  if (settings.tls) {
    const UpstreamTlsSettings& tls = *settings.tls;
    cluster->tls_files_ = file_stamps(tls);
    auto made = net::TlsContext::client({.verify = tls.verify,
                                         .ca_file = tls.ca,
                                         .certificate_file = tls.certificate,
                                         .key_file = tls.key,
                                         .alpn = tls.alpn});
    if (!made) return std::unexpected(std::move(made.error()));
    context = std::move(*made);
  }
  for (const UpstreamServerSettings& server : settings.servers) {
    client::UpstreamTarget target = target_of(server.address);
    target.dial = dial_options_of(settings);
    if (context != nullptr) {
      const UpstreamTlsSettings& tls = *settings.tls;
      target.tls = context;
      const std::size_t colon = server.address.rfind(':');
      target.tls_peer = {
          .name = tls.server_name.empty() ? server.address.substr(0, colon) : tls.server_name,
          .server = server.address};
    }
    auto made = std::make_shared<client::UpstreamServer>(server.address, std::move(target), health,
                                                         cluster->quota_, settings.pool.idle);
    made->weight = server.weight;
    made->backup = server.backup;
    cluster->servers_.push_back(std::move(made));
  }
  return cluster;
}

}  // namespace finack::gateway
