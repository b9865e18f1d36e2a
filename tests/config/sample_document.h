#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/scope.h"
#include "config/suggest.h"

namespace finack::config {

/// A small document with a part of every kind.
struct SampleWaits {
  Nanos connect = std::chrono::seconds(1);
  std::optional<Nanos> total;

  friend bool operator==(const SampleWaits&, const SampleWaits&) = default;
};

struct SampleServer {
  std::string address;
  std::uint32_t weight = 1;

  friend bool operator==(const SampleServer&, const SampleServer&) = default;
};

struct SampleCluster {
  std::string name;
  std::vector<SampleServer> servers;
  SampleWaits waits;
  std::vector<int> statuses = {503};

  friend bool operator==(const SampleCluster&, const SampleCluster&) = default;
};

struct SampleRequestHeaders {
  Scope::Texts set;
  std::vector<std::string> remove;

  friend bool operator==(const SampleRequestHeaders&, const SampleRequestHeaders&) = default;
};

struct SampleHeaders {
  SampleRequestHeaders request;

  friend bool operator==(const SampleHeaders&, const SampleHeaders&) = default;
};

struct SampleRespond {
  int status = 200;
  std::string body;

  friend bool operator==(const SampleRespond&, const SampleRespond&) = default;
};

struct SampleRoute {
  std::string prefix;
  std::string exact;
  std::string cluster;
  std::optional<SampleRespond> respond;
  SampleHeaders headers;
  std::optional<bool> record;
  std::optional<std::uint32_t> tries;

  friend bool operator==(const SampleRoute&, const SampleRoute&) = default;
};

struct SampleDocument {
  std::uint32_t workers = 0;
  Nanos drain = std::chrono::seconds(30);
  std::string config;
  std::vector<SampleCluster> clusters;
  std::vector<SampleRoute> routes;
  SampleWaits waits;

  friend bool operator==(const SampleDocument&, const SampleDocument&) = default;
};

inline void describe_waits(Scope& scope, SampleWaits& w) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  scope.rows().duration(key("connect", "until connected", "no limit", "it may take for ever"),
                        w.connect, milliseconds(1), hours(1));
  Row total = key("total", "all of it", "no limit");
  total.unset = "as long as it takes";
  scope.rows().duration(total, w.total, milliseconds(1), hours(1));
  scope.check([&w](const Report& report) {
    if (w.total && w.connect > *w.total) report("connect", "it is longer than total");
  });
}

inline void describe_server(Scope& scope, SampleServer& s) {
  scope.rows().text(key("address", "host and port"), s.address, "127.0.0.1:80",
                    [](std::string_view text) -> std::expected<void, std::string> {
                      if (text.find(':') != std::string_view::npos) return {};
                      return std::unexpected(in_quotes(text) + " lacks a port");
                    });
  scope.rows().count(key("weight", "its share"), s.weight, 1, 100);
}

inline void describe_cluster(Scope& scope, SampleCluster& c) {
  scope.items({.key = "servers",
               .doc = "where requests go",
               .noun = "server",
               .low = 1,
               .high = 3,
               .shorthand = "address"},
              c.servers, &describe_server);
  scope.group({.key = "waits", .doc = "how long"}, c.waits, &describe_waits);
  scope.rows().parsed_list(
      key("statuses", "what is retried", "none"), c.statuses, "503",
      [](std::string_view text) -> std::expected<int, std::string> {
        if (text.size() == 3 && text.front() == '5') {
          return 500 + (text[1] - '0') * 10 + (text[2] - '0');
        }
        return std::unexpected(in_quotes(text) + " is no status from 500 on");
      },
      [](int status) { return std::to_string(status); });
}

inline void describe_request_headers(Scope& scope, SampleRequestHeaders& h) {
  const KeyRule rule{[](std::string_view name) -> std::expected<void, std::string> {
                       if (name.find(' ') == std::string_view::npos) return {};
                       return std::unexpected(in_quotes(name) + " is no header name");
                     },
                     "^[^ ]+$"};
  scope.texts({.key = "set", .doc = "headers to set", .noun = "header", .high = 2}, h.set, rule,
              [](std::string_view text) -> std::expected<void, std::string> {
                if (text != "bad") return {};
                return std::unexpected(std::string("'bad' is no value"));
              });
  scope.rows().list(key("remove", "headers to remove", "none"), h.remove);
}

inline void describe_headers(Scope& scope, SampleHeaders& h) {
  scope.group({.key = "request", .doc = "of requests"}, h.request, &describe_request_headers);
}

inline void describe_respond(Scope& scope, SampleRespond& r) {
  scope.rows().count(key("status", "its status"), r.status, 200, 599);
  scope.rows().text(key("body", "its body", "no body"), r.body);
}

inline void describe_route(Scope& scope, SampleRoute& r) {
  scope.rows().text(key("match.prefix", "start of a path", "any"), r.prefix, "/api");
  scope.rows().text(key("match.exact", "a whole path", "any"), r.exact);
  scope.rows().text(key("cluster", "where to"), r.cluster);
  scope.refers("cluster", "clusters");
  scope.section({.key = "respond", .doc = "a fixed answer"}, r.respond, &describe_respond);
  scope.one_of({"cluster", "respond"});
  scope.at_most_one_of({"match.prefix", "match.exact"});
  scope.group({.key = "headers", .doc = "what changes"}, r.headers, &describe_headers);
  Row record = key("record", "whether it is recorded");
  record.unset = "as all are";
  scope.rows().flag(record, r.record);
  Row tries = key("tries", "how often");
  tries.unset = "the cluster's";
  scope.rows().count(tries, r.tries, 1, 10);
}

inline void describe_document(Scope& scope, SampleDocument& d) {
  scope.rows().group("Process", "");
  scope.rows().count({"workers", "workers", "threads", "one per core"}, d.workers, 1, 64);
  scope.rows().duration({"drain", "timeouts.drain", "budget of a drain"}, d.drain,
                        std::chrono::seconds(1), std::chrono::hours(1));
  scope.rows().text({"config", "", "the file", "none"}, d.config);
  scope.named({.key = "clusters", .doc = "where to", .noun = "cluster", .high = 100}, d.clusters,
              &SampleCluster::name, &describe_cluster);
  scope.items({.key = "routes", .doc = "what goes where", .noun = "route", .high = 100}, d.routes,
              &describe_route);
  scope.group({.key = "waits", .doc = "of everything"}, d.waits, &describe_waits);
}

/// A scope bound to a document of its own.
struct SampleFile {
  SampleDocument values;
  Scope scope;
  SampleFile() { describe_document(scope, values); }
  explicit SampleFile(SampleDocument start) : values(std::move(start)) {
    describe_document(scope, values);
  }
};

}  // namespace finack::config
