#include "gateway/settings_table.h"

#include "gateway/text_checks.h"

namespace finack::gateway {

void describe_gateway(config::Scope& scope, GatewaySettings& settings) {
  scope.items({.key = "listeners",
               .doc = "where clients connect; a reload adds, changes and removes them",
               .noun = "listener",
               .high = 100,
               .shorthand = "address"},
              settings.listeners, &describe_listener);
  scope.named({.key = "clusters",
               .doc = "servers that answer the same requests, by the name of the cluster",
               .noun = "cluster",
               .high = 1000},
              settings.clusters, &ClusterSettings::name, &describe_cluster);
  scope.items({.key = "routes",
               .doc = "what becomes of a request: the most specific match, of equals the first",
               .noun = "route",
               .high = 10'000},
              settings.routes, &describe_route);

  config::OptionTable& table = scope.rows();
  table.group("Gateway", "What holds for all routes.");
  table.list({"trusted-proxies", "trusted_proxies",
              "proxies whose Forwarded and X-Forwarded-* are believed", "none"},
             settings.trusted_proxies, "10.0.0.0/8, fd00::/8", check_network);
  table.word({"forwarded", "forwarded", "headers by which servers learn of the client"},
             settings.forwarded,
             {{"x_forwarded", ForwardedHeaders::x_forwarded},
              {"forwarded", ForwardedHeaders::forwarded},
              {"both", ForwardedHeaders::both},
              {"none", ForwardedHeaders::none}});
  table.flag({"request-id", "request_id", "give requests an X-Request-Id that have none"},
             settings.request_id);
  table.flag({"proxy-status", "proxy_status",
              "tell clients the cause of an error by Proxy-Status (RFC 9209)"},
             settings.proxy_status);
  table.text({"via", "via", "our name in Via and Proxy-Status", "no Via"}, settings.via, "finack",
             check_via);
  table.text(
      {"buffer-directory", "buffer_directory", "folder for what buffers hold beyond their memory"},
      settings.buffer_directory, "/tmp");
}

}  // namespace finack::gateway
