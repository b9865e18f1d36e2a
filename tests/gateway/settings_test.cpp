#include "gateway/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/json_schema.h"
#include "config/print_config.h"
#include "config/reference.h"
#include "config/schema_validator.h"
#include "config/yaml_reader.h"
#include "gateway/settings_table.h"

namespace finack::gateway {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTenLines =
    "listeners:\n"
    "  - address: 0.0.0.0:8080\n"
    "    timeouts: { head: 10s, idle: 75s }\n"
    "clusters:\n"
    "  api:\n"
    "    servers: [ 127.0.0.1:9001, { address: 127.0.0.1:9002, weight: 3 } ]\n"
    "    timeouts: { connect: 1s, first_response_byte: 15s, response_idle: 30s }\n"
    "routes:\n"
    "  - match: { host: example.test, prefix: /api }\n"
    "    cluster: api\n";

/// A file and what it sets.
struct Loaded {
  GatewaySettings settings;
  config::Scope root;
  std::string problems, printed;
  config::Places places;

  explicit Loaded(std::string_view text) {
    describe_gateway(root, settings);
    config::FileContent content = config::read_yaml(root, text, "f");
    problems = to_string(content.problems);
    places = content.places;
    EXPECT_EQ(settings, GatewaySettings()) << "reading changes nothing";
    if (!content.problems.empty()) return;
    config::Resolved resolved(root.table());
    resolved.take(content.assignments, config::Origin::file);
    resolved.apply();
    content.apply_parts();
    printed = config::print_config(resolved, root, places);
  }
};

std::string kept_file(const std::string& name) {
  const char* root = std::getenv("FINACK_SOURCE_DIR");
  const std::string path =
      std::string(root == nullptr ? "." : root) + "/tests/fuzz/corpus/config/" + name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(GatewaySettings, TenLinesAreAGatewayWithGoodDefaults) {
  const Loaded file(kTenLines);
  ASSERT_EQ(file.problems, "");
  GatewaySettings expected;
  expected.listeners.resize(1);
  expected.listeners[0].address = "0.0.0.0:8080";
  ClusterSettings& api = expected.clusters.emplace_back();
  api.name = "api";
  api.servers = {{"127.0.0.1:9001", 1, false}, {"127.0.0.1:9002", 3, false}};
  api.timeouts.connect = seconds(1);
  api.timeouts.first_response_byte = seconds(15);
  RouteSettings& route = expected.routes.emplace_back();
  route.match.hosts = {"example.test"};
  route.match.prefix = "/api";
  route.cluster = "api";
  EXPECT_EQ(file.settings, expected);

  EXPECT_EQ(api.balance, Balance::p2c_ewma);
  EXPECT_EQ(api.retry.tries, 3U);
  EXPECT_EQ(api.health.passive.eject_after, 5U);
  EXPECT_EQ(file.places.where("routes[0].cluster"), "f:10:14");
}

// Every wait has a limit but those that are budgets; nothing in the ten lines is warned of.
TEST(GatewaySettings, TheDefaultsAreNotDangerous) {
  const Loaded file(kTenLines);
  EXPECT_THAT(config::part_warnings(file.root, file.places), testing::IsEmpty());
  const Loaded zeros(
      "clusters:\n  a:\n    servers: h:1\n    timeouts: { connect: 0 }\n"
      "    tls: { verify: false }\n");
  EXPECT_EQ(zeros.problems, "");
  EXPECT_THAT(config::part_warnings(zeros.root, zeros.places),
              testing::ElementsAre(
                  "clusters.a.timeouts.connect is 0 (from f:4:26): a server that is cut off holds "
                  "its requests until the kernel gives up",
                  "clusters.a.tls.verify is false (from f:5:20): anybody on the path can answer in "
                  "the server's place"));
}

TEST(GatewaySettings, EverythingCanBeSet) {
  const Loaded file(kept_file("everything.yaml"));
  ASSERT_EQ(file.problems, "");
  const GatewaySettings& s = file.settings;
  EXPECT_EQ(s.trusted_proxies, (std::vector<std::string>{"10.0.0.0/8", "fd00::/8"}));
  EXPECT_EQ(s.forwarded, ForwardedHeaders::both);
  EXPECT_TRUE(s.proxy_status);
  EXPECT_EQ(s.via, "edge-1");
  ASSERT_EQ(s.listeners.size(), 2U);
  EXPECT_EQ(s.listeners[0].address, "127.0.0.1:8080");
  EXPECT_EQ(s.listeners[1].timeouts.lifetime, hours(1));
  EXPECT_EQ(s.listeners[1].limits.min_rate, 1024U);
  EXPECT_EQ(s.listeners[1].client_half_close, ClientHalfClose::cancel);
  ASSERT_EQ(s.clusters.size(), 2U);
  const ClusterSettings& api = s.clusters[0];
  EXPECT_TRUE(api.servers.at(2).backup);
  EXPECT_EQ(api.balance, Balance::consistent_hash);
  EXPECT_EQ(api.hash, (HashSettings{"X-User", "", 150}));
  EXPECT_EQ(api.timeouts.try_, seconds(5));
  EXPECT_EQ(api.timeouts.tunnel_idle, minutes(10));
  EXPECT_EQ(api.limits, (ResponseLimitSettings{32 * 1024, 100, 0, 4 * 1024, 8}));
  EXPECT_EQ(api.pool, (PoolSettings{100, 1000, minutes(10), seconds(30), 8}));
  EXPECT_EQ(api.retry,
            (RetrySettings{4, true, {502, 503}, {milliseconds(10), seconds(1)}, {10, 2}}));
  EXPECT_EQ(api.breaker.limits, (BreakerLimits{100, 50, 500, 10}));
  EXPECT_EQ(api.breaker.probes, 2U);
  ASSERT_TRUE(api.health.active);
  EXPECT_EQ(api.health.active->expected, (std::vector<StatusRange>{{200, 299}, {304, 304}}));
  EXPECT_EQ(api.health.passive.slow_start, seconds(20));
  EXPECT_EQ(api.queue_limit, 64U);
  ASSERT_TRUE(api.tls);
  EXPECT_TRUE(api.tls->verify);
  EXPECT_EQ(api.resolve.family, AddressFamily::v4);
  EXPECT_EQ(api.tcp_keepalive, seconds(15));
  EXPECT_EQ(api.tcp_user_timeout, seconds(20));
  EXPECT_EQ(s.clusters[1].health.active->kind, CheckKind::tcp);
}

TEST(GatewaySettings, EveryRouteCanBeSet) {
  const Loaded file(kept_file("everything.yaml"));
  ASSERT_EQ(file.settings.routes.size(), 4U);
  const RouteSettings& canary = file.settings.routes[0];
  EXPECT_EQ(canary.match.hosts.size(), 2U);
  EXPECT_EQ(canary.match.headers, (NamedTexts{{"X-Team", "blue"}, {"X-Any", ""}}));
  ASSERT_TRUE(canary.split);
  EXPECT_EQ(canary.split->to.at(1), (SplitBranch{"next", 5, "always"}));
  EXPECT_EQ(canary.split->sticky, (StickySettings{"branch", hours(1)}));
  ASSERT_TRUE(canary.rewrite);
  EXPECT_EQ(canary.rewrite->with, "/\\1");
  EXPECT_EQ(canary.headers.request.set, (NamedTexts{{"X-Edge", "1"}}));
  EXPECT_EQ(canary.headers.response.remove, (std::vector<std::string>{"Server"}));
  RouteTimeouts timeouts;
  timeouts.first_response_byte = seconds(5);
  EXPECT_EQ(canary.timeouts, timeouts);
  EXPECT_EQ(canary.retry, (RouteRetry{1, std::nullopt, std::vector<int>(), true}));
  EXPECT_EQ(canary.buffer_request, (BufferSettings{1 << 20, 1 << 30}));
  EXPECT_EQ(canary.buffer_response, BufferSettings());
  EXPECT_EQ(canary.on_client_gone, OnClientGone::run);
  EXPECT_EQ(canary.max_body_bytes, 10U << 20);
  EXPECT_THAT(canary.upgrade, testing::IsEmpty());
  EXPECT_EQ(file.settings.routes[1].redirect,
            (RedirectSettings{301, "https://example.test/new", true}));
  EXPECT_EQ(file.settings.routes[2].respond->status, 204);
  EXPECT_EQ(file.settings.routes[3].rewrite->prefix, "/");
}

TEST(GatewaySettings, PrintsAsAFileThatMeansTheSame) {
  for (const std::string& text : {std::string(kTenLines), kept_file("everything.yaml")}) {
    const Loaded first(text);
    const Loaded second(first.printed);
    ASSERT_EQ(second.problems, "") << first.printed;
    EXPECT_EQ(first.settings, second.settings) << first.printed;
  }
  EXPECT_THAT(Loaded(kTenLines).printed,
              HasSubstr("      connect: 1s                    # from f:7:26\n"));
}

struct Mistake {
  std::string_view text, errors;
};

TEST(GatewayErrors, Listeners) {
  const Mistake mistakes[] = {
      {"listeners: [ 8080 ]\n",
       "f:1:14: listeners[0]: '8080' lacks a port: write 127.0.0.1:8080, [::1]:8080, "
       "localhost:8080, :8080, unix:/path, fd:3 or systemd\n"},
      {"listeners:\n  - name: x\n", "f:2:5: listeners[0]: address is missing\n"},
      {"listeners:\n  - address: :80\n    timeouts: { haed: 1s }\n",
       "f:3:17: unknown key 'listeners[0].timeouts.haed'; did you mean head?\n"},
      {"listeners:\n  - address: :80\n    client_half_close: prob\n",
       "f:3:24: listeners[0].client_half_close: 'prob' is not allowed: write probe, cancel or "
       "tolerate; did you mean probe?\n"},
      {"trusted_proxies: [ 10.0.0.0/8, here ]\n",
       "f:1:32: trusted_proxies: 'here' is neither an address nor a range: write 10.0.0.1 or "
       "10.0.0.0/8\n"},
      {"via: a b\n", "f:1:6: via: 'a b' is no name for Via: write letters, digits and -\n"},
  };
  for (const Mistake& m : mistakes) EXPECT_EQ(Loaded(m.text).problems, m.errors) << m.text;
}

TEST(GatewayErrors, Clusters) {
  const std::string start = "clusters:\n  api:\n    servers: [ 'h:1' ]\n    ";
  const Mistake mistakes[] = {
      {"timeouts: { conect: 1s }",
       "f:4:17: unknown key 'clusters.api.timeouts.conect'; did you mean connect?\n"},
      {"timeouts: { connect: 2h }",
       "f:4:26: clusters.api.timeouts.connect: 2h is out of bounds: allowed is 1ms to 1h, or 0 (no "
       "limit)\n"},
      // No timer waits longer.
      {"timeouts: { tunnel_idle: 24d }", ""},
      {"timeouts: { tunnel_idle: 25d }",
       "f:4:30: clusters.api.timeouts.tunnel_idle: 25d is out of bounds: allowed is 1ms to 24d, or "
       "0 (no limit)\n"},
      {"connect: 1s",
       "f:4:5: unknown key 'clusters.api.connect'; did you mean "
       "'timeouts: {connect: ...}'?\n"},
      {"balance: roundrobin",
       "f:4:14: clusters.api.balance: 'roundrobin' is not allowed: write p2c_ewma, round_robin, "
       "least_requests or consistent_hash; did you mean round_robin?\n"},
      {"hash: { header: X }",
       "f:4:5: clusters.api.hash: it is used only with balance: consistent_hash\n"},
      {"hash: { header: X, cookie: y }",
       "f:4:24: clusters.api.hash.cookie: clusters.api.hash has header already; keep one of header "
       "and cookie\n"},
      {"retry: { statuses: [502, 404] }",
       "f:4:30: clusters.api.retry.statuses: '404' is no status that can be retried: allowed is "
       "500 to 563\n"},
      {"retry: { backoff: { base: 1s } }",
       "f:4:31: clusters.api.retry.backoff.base: it is longer than most\n"},
      {"retry: { backoff: { most: 0 } }", ""},
      {"health: { active: { expected: [ 399-200 ] } }",
       "f:4:37: clusters.api.health.active.expected: '399-200' is no range of statuses from 200 to "
       "599: write 200 or 200-399\n"},
      {"health: { passive: { eject_for: 10m } }",
       "f:4:37: clusters.api.health.passive.eject_for: it is longer than eject_most\n"},
      {"health: { active: { host: a b } }",
       "f:4:31: clusters.api.health.active.host: it is no host, with a port or without\n"},
      {"tls:", "f:4:5: clusters.api.tls: the value is missing; write {} for its defaults\n"},
      {"tls: { alpn: [ http/1.1, h2 ] }",
       "f:4:30: clusters.api.tls.alpn: 'h2' is not spoken with servers: write http/1.1\n"},
      {"tls: { key: /k.pem }", "f:4:17: clusters.api.tls.key: it needs a certificate\n"},
      {"resolve: { most: 1s, least: 2s }",
       "f:4:33: clusters.api.resolve.least: it is longer than most\n"},
  };
  for (const Mistake& m : mistakes) {
    EXPECT_EQ(Loaded(start + std::string(m.text) + "\n").problems, m.errors) << m.text;
  }
  const std::string over_unix = "clusters: { a: { servers: [ 'h:1', 'unix:/s' ], tls: { ";
  EXPECT_EQ(Loaded(over_unix + "} } }\n").problems,
            "f:1:49: clusters.a.tls: unix:/s has no name that its certificate could be for: "
            "give server_name\n");
  EXPECT_EQ(Loaded(over_unix + "verify: false } } }\n").problems, "");
  EXPECT_EQ(Loaded(over_unix + "server_name: s.test } } }\n").problems, "");
  EXPECT_EQ(Loaded("clusters: { a: { servers: [ 'h:1', 'h:2', 'h:1' ] } }\n").problems,
            "f:1:43: clusters.a.servers[2]: h:1 is there already: give it a weight\n");
  EXPECT_EQ(Loaded("clusters: { a: { servers: [ { address: 'h:1', backup: true } ] } }\n").problems,
            "f:1:18: clusters.a.servers: all of them are backups\n");
}

TEST(GatewayErrors, ServerAddresses) {
  for (const std::string_view good :
       {"127.0.0.1:1", "[::1]:9", "a.example:80", "my_host:80", "unix:/x", "a.example.:80"}) {
    EXPECT_EQ(Loaded("clusters: { a: { servers: '" + std::string(good) + "' } }\n").problems, "");
  }
  const Mistake mistakes[] = {
      {"a.example", "lacks a port"},
      {"h:0", "has no port from 1 to 65535"},
      {"h:65536", "has no port from 1 to 65535"},
      {":80", "has neither an IP address nor a name before the port (IPv6 in brackets)"},
      {"::1:80", "has neither an IP address nor a name before the port (IPv6 in brackets)"},
      {"1.2.3:80", "has neither an IP address nor a name before the port (IPv6 in brackets)"},
      {"-a:80", "has neither an IP address nor a name before the port (IPv6 in brackets)"},
      {"unix:", "lacks a path"},
  };
  for (const Mistake& m : mistakes) {
    EXPECT_EQ(Loaded("clusters: { a: { servers: '" + std::string(m.text) + "' } }\n").problems,
              "f:1:27: clusters.a.servers[0]: '" + std::string(m.text) + "' " +
                  std::string(m.errors) +
                  ": write 127.0.0.1:9001, [::1]:9001, api.example:9001 or unix:/path\n");
  }
}

TEST(GatewayErrors, Routes) {
  const std::string start =
      "clusters: { api: { servers: 'h:1' }, web: { servers: 'h:2' } }\nroutes:\n  - ";
  const Mistake mistakes[] = {
      {"cluster: apii",
       "f:3:14: routes[0].cluster: there is no cluster 'apii'; did you mean api?\n"},
      {"match: { prefix: /x }",
       "f:3:5: routes[0]: one of cluster, split, redirect or respond is wanted\n"},
      {"{ cluster: api, respond: {} }",
       "f:3:21: routes[0].respond: routes[0] has cluster already; keep one of cluster, split, "
       "redirect and respond\n"},
      {"{ cluster: api, match: { prefix: /a, exact: /b } }",
       "f:3:42: routes[0].match.exact: routes[0].match has prefix already; keep one of exact, "
       "prefix and regex\n"},
      {"{ cluster: api, match: { prefix: api } }",
       "f:3:38: routes[0].match.prefix: 'api' is no path: it must begin with /\n"},
      {"{ cluster: api, match: { regex: '/(' } }",
       "f:3:37: routes[0].match.regex: '/(' is no regular expression of RE2: missing ): /(\n"},
      {"{ cluster: api, match: { host: [ a.test, 'b.test:80' ] } }",
       "f:3:46: routes[0].match.host: 'b.test:80' has a port: write the host alone, such as "
       "example.test\n"},
      {"{ cluster: api, match: { host: 'a.*' } }",
       "f:3:36: routes[0].match.host: 'a.*' is no host: write example.test or *.example.test\n"},
      {"{ cluster: api, match: { method: get } }",
       "f:3:38: routes[0].match.method: 'get' is no method: write it in upper case, such as GET\n"},
      {"{ cluster: api, match: { method: CONNECT } }",
       "f:3:38: routes[0].match.method: 'CONNECT' is never routed\n"},
      {"{ cluster: api, headers: { request: { set: { Content-Length: 3 } } } }",
       "f:3:50: routes[0].headers.request.set: 'Content-Length' belongs to the connection: the "
       "gateway writes it itself\n"},
      {"{ cluster: api, headers: { request: { set: { X: ' a' } } } }",
       "f:3:53: routes[0].headers.request.set.X: a header value neither starts nor ends with a "
       "space\n"},
      {"{ cluster: api, rewrite: { prefix: /b } }",
       "f:3:40: routes[0].rewrite.prefix: it needs a match.prefix to replace\n"},
      {"{ cluster: api, rewrite: { regex: '/a', with: '\\2' } }",
       "f:3:51: routes[0].rewrite.with: '\\2' is no replacement: Rewrite schema requests 2 "
       "matches, "
       "but the regexp only has 0 parenthesized subexpressions.\n"},
      {"{ respond: {}, rewrite: { regex: '/a' } }",
       "f:3:20: routes[0].rewrite: the route asks no server\n"},
      {"{ redirect: { to: /b, status: 304 } }",
       "f:3:35: routes[0].redirect.status: it is no redirect: write 301, 302, 303, 307 or 308\n"},
      {"{ redirect: {} }", "f:3:7: routes[0].redirect: to is missing\n"},
      {"{ redirect: { to: ftp://x } }",
       "f:3:23: routes[0].redirect.to: 'ftp://x' is no target: write a path or http://... or "
       "https://...\n"},
      {"{ cluster: api, max_body_bytes: 1k }",
       "f:3:37: routes[0].max_body_bytes: '1k' is no size: write 32KiB or 10MiB (1024), 32kB "
       "(1000), or a plain number of bytes\n"},
      {"{ cluster: api, upgrade: h2c }", "f:3:30: routes[0].upgrade: 'h2c' is not supported\n"},
      {"{ split: { to: [ api, wbe ] } }",
       "f:3:27: routes[0].split.to[1].cluster: there is no cluster 'wbe'; did you mean web?\n"},
      {"{ split: { to: [ { cluster: api, when: x } ] } }",
       "f:3:44: routes[0].split.to[0].when: the split names neither a header nor a cookie to "
       "compare with\n"},
      {"{ split: { header: X, to: [ { cluster: api, weight: 0, when: x } ] } }",
       "f:3:27: routes[0].split.to: one branch needs a weight, for requests that no when fits\n"},
      {"{ split: { to: [ { cluster: api, weight: 0 }, web ] } }",
       "f:3:46: routes[0].split.to[0].weight: without when, nothing would come here\n"},
  };
  for (const Mistake& m : mistakes) {
    EXPECT_EQ(Loaded(start + std::string(m.text) + "\n").problems, m.errors) << m.text;
  }
}

TEST(GatewaySchema, AgreesWithTheReader) {
  GatewaySettings settings;
  config::Scope root;
  describe_gateway(root, settings);
  const YAML::Node schema = YAML::Load(config::json_schema(root, "finack serve"));
  const auto verdict = [&](const std::string& text) {
    return config::SchemaValidator::check(schema, YAML::Load(text));
  };
  for (const std::string& good :
       {std::string(kTenLines), kept_file("everything.yaml"), Loaded(kTenLines).printed,
        Loaded(kept_file("everything.yaml")).printed}) {
    EXPECT_EQ(verdict(good), "") << good;
  }
  const std::pair<std::string, std::string> bad[] = {
      {"listener: []\n", "$: listener is unknown"},
      {"listeners: [ { name: x } ]\n", "$.listeners[0]: fits none of anyOf"},
      {"clusters: { a b: { servers: 'h:1' } }\n", "$.clusters: a b is no name"},
      {"clusters: { a: {} }\n", "$.clusters.a: servers is missing"},
      {"clusters: { a: { servers: [] } }\n", "$.clusters.a.servers: too few"},
      {"clusters: { a: { servers: 'h:1', balance: best } }\n",
       "$.clusters.a.balance: is none of the words"},
      {"clusters: { a: { servers: 'h:1', timeouts: { connect: soon } } }\n",
       "$.clusters.a.timeouts.connect: does not fit the pattern"},
      {"routes: [ { match: {} } ]\n", "$.routes[0]: does not fit one of oneOf"},
      {"routes: [ { cluster: a, respond: {} } ]\n", "$.routes[0]: does not fit one of oneOf"},
      {"routes: [ { cluster: a, match: { exact: /a, prefix: /b } } ]\n",
       "$.routes[0].match: does not fit one of oneOf"},
      {"routes: [ { cluster: a, headers: { request: { set: { 'X Y': b } } } } ]\n",
       "$.routes[0].headers.request.set: X Y is no name"},
      {"routes: [ { redirect: { to: /a, status: 399 } } ]\n",
       "$.routes[0].redirect.status: is too large"},
  };
  for (const auto& [text, wrong] : bad) {
    EXPECT_EQ(verdict(text), wrong) << text;
    EXPECT_NE(Loaded(text).problems, "") << text;
  }
}

TEST(GatewayReference, SpeaksOfEveryScope) {
  GatewaySettings settings;
  config::Scope root;
  describe_gateway(root, settings);
  const std::string page = config::configuration_reference_markdown(root, "Gateway");
  EXPECT_THAT(page, HasSubstr("\n\nA setting whose table has flags "));
  EXPECT_THAT(page, Not(HasSubstr("Every setting is a flag")));
  for (const std::string_view line :
       {"| `--[no-]proxy-status` |", "### `listeners[].timeouts`\n",
        "### `clusters.NAME.retry.budget`\n", "### `routes[].split.to[]`\n",
        "Exactly one of `cluster`, `split`, `redirect`, `respond`",
        "| `cluster` | TEXT | – | a name of `clusters` | – | servers that answer |\n",
        "| `connect` | DURATION | the cluster's | 1ms to 1h | no limit |"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

}  // namespace
}  // namespace finack::gateway
