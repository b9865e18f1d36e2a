#include <fmt/format.h>

#include <algorithm>

#include "config/address_text.h"
#include "gateway/bounds.h"
#include "gateway/client_timeouts.h"
#include "gateway/settings_table.h"
#include "gateway/text_checks.h"

namespace finack::gateway {
namespace {

using config::key;
using config::OptionTable;
using config::Report;
using config::Scope;

void describe_server(Scope& scope, UpstreamServerSettings& server) {
  OptionTable& table = scope.rows();
  table.text(key("address", "where it listens; a name is resolved"), server.address,
             config::kServerForms, config::check_server);
  table.count(key("weight", "its share of the requests, against the other servers'"), server.weight,
              1, 1000);
  table.flag(key("backup", "use it only while no other server is available"), server.backup);
}

void describe_hash(Scope& scope, HashSettings& hash) {
  OptionTable& table = scope.rows();
  table.text(key("header", "hash the value of this request header", "another key"), hash.header, {},
             check_field_name);
  table.text(key("cookie", "hash the value of this cookie", "another key"), hash.cookie, {},
             check_cookie_name);
  scope.at_most_one_of({"header", "cookie"});
  table.count(key("load_percent",
                  "a server takes at most this share of the mean load, then the next is asked",
                  "no bound", "one busy key can overload its server"),
              hash.load_percent, 101, 1000);
}

void describe_limits(Scope& scope, ResponseLimitSettings& limits) {
  OptionTable& table = scope.rows();
  table.bytes(key("head_bytes", "longest response head, status line included"), limits.head_bytes,
              256, kMiB);
  table.count(key("headers", "most header fields of a head"), limits.headers, 1, 10'000);
  table.count(key("interims", "most interim responses (1xx) before the final one", "none"),
              limits.interims, 1, 100'000);
  table.bytes(key("trailer_bytes", "longest trailer section", "no trailers"), limits.trailer_bytes,
              1, kMiB);
  table.count(key("trailers", "most trailer fields", "no trailers"), limits.trailers, 1, 10'000);
}

void describe_pool(Scope& scope, PoolSettings& pool) {
  OptionTable& table = scope.rows();
  table.count(key("connections", "connections to one server, over all workers", "no limit"),
              pool.connections, 1, kMost);
  table.count(
      key("requests_per_connection", "requests of one connection; then it is retired", "no limit"),
      pool.requests_per_connection, 1, 1'000'000'000);
  table.duration(key("age", "age of a connection; then it is retired when free", "no limit"),
                 pool.age, kShortest, kLongestWait);
  table.duration(key("idle",
                     "how long a free connection is kept; what is learned of the server's own "
                     "limit is used when it is shorter",
                     "no limit of ours"),
                 pool.idle, kShortest, kDay);
  table.count(
      key("free_connections", "free connections kept per worker and server", "every request dials"),
      pool.free_connections, 1, kMost);
}

void describe_backoff(Scope& scope, BackoffSettings& backoff) {
  OptionTable& table = scope.rows();
  table.duration(
      key("base", "widest wait before the first retry; doubles with each", "retries do not wait"),
      backoff.base, kShortest, kHour);
  table.duration(key("most", "widest wait before any retry", "retries do not wait"), backoff.most,
                 kShortest, kHour);
  scope.check([&backoff](const Report& report) {
    const bool bounded = backoff.most != Nanos(0);
    if (bounded && backoff.base > backoff.most) report("base", "it is longer than most");
  });
}

void describe_budget(Scope& scope, BudgetSettings& budget) {
  OptionTable& table = scope.rows();
  table.count(key("percent", "share of the cluster's live requests that may be retries",
                  "no more than least"),
              budget.percent, 1, 100);
  table.count(key("least", "retries that are allowed however few requests are live", "none"),
              budget.least, 1, 100'000);
}

void describe_retry(Scope& scope, RetrySettings& retry) {
  OptionTable& table = scope.rows();
  table.count(key("tries", "tries of a request in all; 1: no retries"), retry.tries, 1, 100);
  table.flag(key("on_timeout",
                 "retry idempotent requests also after timeouts of first_response_byte, "
                 "response_idle and try"),
             retry.on_timeout);
  table.parsed_list(
      key("statuses", "responses after which idempotent requests are retried", "none"),
      retry.statuses, "502, 503", parse_retry_status,
      [](int status) { return std::to_string(status); });
  scope.group({.key = "backoff", .doc = "waits between tries, drawn with full jitter"},
              retry.backoff, &describe_backoff);
  scope.group({.key = "budget",
               .doc = "how many live requests may be retries; the first one after a server that "
                      "left, and those that reached none, are free of it"},
              retry.budget, &describe_budget);
}

void describe_breaker_limits(Scope& scope, BreakerLimits& limits) {
  OptionTable& table = scope.rows();
  table.count(key("connections", "connections to the cluster", "no limit"), limits.connections, 1,
              kMost);
  table.count(key("pending", "requests that wait for a connection", "no limit"), limits.pending, 1,
              kMost);
  table.count(key("requests", "requests under way", "no limit"), limits.requests, 1, kMost);
  table.count(key("retries", "retries under way", "no limit but the budget"), limits.retries, 1,
              kMost);
}

void describe_breaker(Scope& scope, BreakerSettings& breaker) {
  OptionTable& table = scope.rows();
  scope.group({.key = "limits", .doc = "what may be under way, over all workers"}, breaker.limits,
              &describe_breaker_limits);
  table.count(key("consecutive_failures", "failures in a row that open it", "never"),
              breaker.consecutive_failures, 1, 1'000'000);
  table.count(key("failure_percent", "share of failures in a window that opens it", "never"),
              breaker.failure_percent, 1, 100);
  table.count(key("least_requests", "a window with fewer requests says nothing"),
              breaker.least_requests, 1, 1'000'000);
  table.duration(key("window", "length of a window"), breaker.window,
                 std::chrono::milliseconds(100), kHour);
  table.duration(key("open_for",
                     "how long it stays open before it probes; doubles with each failed probe, up "
                     "to 16 times"),
                 breaker.open_for, kShortest, kHour);
  table.count(key("probes", "requests let through at a time while it is half open"), breaker.probes,
              1, 1000);
  table.count(key("probe_successes", "probes in a row that close it"), breaker.probe_successes, 1,
              1000);
}

void describe_active(Scope& scope, ActiveCheckSettings& active) {
  OptionTable& table = scope.rows();
  table.word(key("kind", "http: a GET; tcp: a connection is enough"), active.kind,
             {{"http", CheckKind::http}, {"tcp", CheckKind::tcp}});
  table.text(key("path", "what http asks for"), active.path, "/healthz", check_path);
  table.text(key("host", "Host of http's request", "the server's address"), active.host, {},
             check_host);
  table.parsed_list(key("expected", "statuses that pass"), active.expected, "200, 200-399",
                    parse_status_range, format_status_range);
  table.duration(key("interval", "from one check to the next, each server on its own"),
                 active.interval, std::chrono::milliseconds(10), kHour);
  table.duration(key("timeout", "time for a check"), active.timeout, kShortest, kHour);
  table.count(key("fall", "failed checks in a row before a server is down"), active.fall, 1, 1000);
  table.count(key("rise", "passed checks in a row before it is up again"), active.rise, 1, 1000);
  table.flag(key("starts_up", "take servers for up before their first check"), active.starts_up);
}

void describe_passive(Scope& scope, PassiveHealthSettings& passive) {
  OptionTable& table = scope.rows();
  table.count(
      key("eject_after", "failed requests in a row after which a server is left out", "never"),
      passive.eject_after, 1, 1'000'000);
  table.duration(key("eject_for", "for how long; times the number of ejections so far"),
                 passive.eject_for, kShortest, kDay);
  table.duration(key("eject_most", "longest ejection"), passive.eject_most, kShortest, kDay);
  table.count(key("eject_percent",
                  "share of a cluster's servers that may be ejected at a time; one always may, "
                  "unless it is the only one"),
              passive.eject_percent, 1, 100);
  table.duration(
      key("slow_start", "a server that comes back gets its share gradually over this", "at once"),
      passive.slow_start, kShortest, kHour);
  scope.check([&passive](const Report& report) {
    if (passive.eject_for > passive.eject_most) report("eject_for", "it is longer than eject_most");
  });
}

void describe_health(Scope& scope, HealthSettings& health) {
  scope.section({.key = "active", .doc = "checks that ask each server again and again"},
                health.active, &describe_active);
  scope.group({.key = "passive", .doc = "ejection by what requests met"}, health.passive,
              &describe_passive);
}

void describe_queue(Scope& scope, std::uint32_t& limit) {
  scope.rows().count(
      key("limit", "requests that may wait for a slot; more are answered 503", "none may wait"),
      limit, 1, kMost);
}

void describe_tls(Scope& scope, UpstreamTlsSettings& tls) {
  OptionTable& table = scope.rows();
  table.text(key("ca", "file of the certificates that are trusted", "the system's"), tls.ca,
             "a file");
  table.text(key("server_name", "name sent as SNI, and that the certificate must be for",
                 "the server's own"),
             tls.server_name, "api.example", check_host_pattern);
  table.flag(key("verify", "verify the server's certificate", {},
                 "anybody on the path can answer in the server's place"),
             tls.verify);
  table.text(key("certificate", "file of our certificate with its chain", "none"), tls.certificate,
             "a file");
  table.text(key("key", "file of its key", "none"), tls.key, "a file");
  table.list(key("alpn", "protocols offered", "none"), tls.alpn, "http/1.1", check_server_protocol);
  scope.check([&tls](const Report& report) {
    if (tls.certificate.empty() && !tls.key.empty()) report("key", "it needs a certificate");
    if (!tls.certificate.empty() && tls.key.empty()) report("certificate", "it needs a key");
    if (tls.server_name.starts_with("*")) report("server_name", "it must be one name");
  });
}

void describe_resolve(Scope& scope, ResolveSettings& resolve) {
  OptionTable& table = scope.rows();
  table.duration(
      key("refresh", "from one look-up of the servers' names to the next", "by the records' TTL"),
      resolve.refresh, std::chrono::seconds(1), kDay);
  table.duration(key("least", "a shorter TTL counts as this"), resolve.least,
                 std::chrono::milliseconds(100), kDay);
  table.duration(key("most", "a longer TTL counts as this"), resolve.most, std::chrono::seconds(1),
                 kMonth);
  table.word(key("family", "which addresses are used"), resolve.family,
             {{"any", AddressFamily::any}, {"v4", AddressFamily::v4}, {"v6", AddressFamily::v6}});
  table.flag(key("all_addresses",
                 "each address of a name is a server of its own; false: the name is one server"),
             resolve.all_addresses);
  scope.check([&resolve](const Report& report) {
    if (resolve.least > resolve.most) report("least", "it is longer than most");
  });
}

void describe_sockets(OptionTable& table, ClusterSettings& cluster) {
  table.duration(
      key("tcp_keepalive", "silence before the kernel probes whether the server is still there",
          "off", "a server that vanished under a silent tunnel is only found by tunnel_idle"),
      cluster.tcp_keepalive, std::chrono::seconds(1), std::chrono::seconds(32'767));
  table.duration(
      key("tcp_user_timeout", "how long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)",
          "the system's own"),
      cluster.tcp_user_timeout, kShortest, kDay);
}

void describe_parts(Scope& scope, ClusterSettings& cluster) {
  scope.group({.key = "timeouts", .doc = "waits; each covers exactly one"}, cluster.timeouts,
              &describe_client_timeouts);
  scope.group({.key = "limits", .doc = "what of a response is taken"}, cluster.limits,
              &describe_limits);
  scope.group({.key = "pool", .doc = "connections that are kept"}, cluster.pool, &describe_pool);
  scope.group({.key = "retry", .doc = "which failures are tried again"}, cluster.retry,
              &describe_retry);
  scope.group({.key = "breaker", .doc = "when requests are refused without a try"}, cluster.breaker,
              &describe_breaker);
  scope.group({.key = "health", .doc = "which servers get requests"}, cluster.health,
              &describe_health);
  scope.group({.key = "queue", .doc = "requests that wait for a slot"}, cluster.queue_limit,
              &describe_queue);
  scope.section({.key = "tls", .doc = "TLS towards the servers; {} for its defaults"}, cluster.tls,
                &describe_tls);
  scope.group({.key = "resolve", .doc = "how names become addresses"}, cluster.resolve,
              &describe_resolve);
}

}  // namespace

void describe_cluster(Scope& scope, ClusterSettings& cluster) {
  scope.items({.key = "servers",
               .doc = "where requests go",
               .noun = "server",
               .low = 1,
               .high = 1000,
               .shorthand = "address"},
              cluster.servers, &describe_server);
  scope.rows().word(
      key("balance",
          "which server gets a request: p2c_ewma takes the better of two by recent latency"),
      cluster.balance,
      {{"p2c_ewma", Balance::p2c_ewma},
       {"round_robin", Balance::round_robin},
       {"least_requests", Balance::least_requests},
       {"consistent_hash", Balance::consistent_hash}});
  scope.group({.key = "hash", .doc = "key of consistent_hash; neither: the client's address"},
              cluster.hash, &describe_hash);
  describe_parts(scope, cluster);
  describe_sockets(scope.rows(), cluster);
  scope.check([&cluster](const Report& report) {
    if (cluster.balance != Balance::consistent_hash && cluster.hash != HashSettings()) {
      report("hash", "it is used only with balance: consistent_hash");
    }
    for (std::size_t i = 0; i < cluster.servers.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (cluster.servers[i].address == cluster.servers[j].address) {
          report(fmt::format("servers[{}]", i),
                 fmt::format("{} is there already: give it a weight", cluster.servers[i].address));
          break;
        }
      }
    }
    const auto nameless = std::ranges::find_if(
        cluster.servers, [](const auto& server) { return server.address.starts_with("unix:"); });
    if (cluster.tls && cluster.tls->verify && cluster.tls->server_name.empty() &&
        nameless != cluster.servers.end()) {
      report("tls", fmt::format("{} has no name that its certificate could be for: give "
                                "server_name",
                                nameless->address));
    }
    if (std::ranges::all_of(cluster.servers, &UpstreamServerSettings::backup)) {
      report("servers", "all of them are backups");
    }
  });
}

}  // namespace finack::gateway
