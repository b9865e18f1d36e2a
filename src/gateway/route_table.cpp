#include <algorithm>
#include <string_view>

#include "gateway/bounds.h"
#include "gateway/client_timeouts.h"
#include "gateway/settings_table.h"
#include "gateway/text_checks.h"

namespace finack::gateway {
namespace {

using config::key;
using config::OptionTable;
using config::Report;
using config::Row;
using config::Scope;

Row inherited(Row row, std::string_view from) {
  row.unset = from;
  return row;
}

void describe_match(Scope& scope, MatchSettings& match) {
  OptionTable& table = scope.rows();
  table.list(key("host", "hosts, exact or all below one", "any"), match.hosts,
             "example.test, *.example.test", check_host_pattern);
  table.text(key("exact", "the whole path", "any path"), match.exact, "/health", check_path);
  table.text(
      key("prefix", "start of the path, whole segments: /api takes /api and /api/x", "any path"),
      match.prefix, "/api", check_path);
  table.text(key("regex", "regular expression (RE2) for the whole path", "any path"), match.regex,
             "/v[0-9]+/.*", check_regex);
  scope.at_most_one_of({"exact", "prefix", "regex"});
  table.list(key("method", "request methods", "any"), match.methods, "GET, HEAD", check_method);
  scope.texts({.key = "headers",
               .doc = "headers with their exact value; \"\": any value",
               .noun = "header",
               .high = 100},
              match.headers, field_names(), check_field_value);
}

void describe_branch(Scope& scope, SplitBranch& branch) {
  OptionTable& table = scope.rows();
  table.text(key("cluster", "where its requests go"), branch.cluster);
  scope.refers("cluster", "clusters");
  table.count(key("weight", "its share, against the other branches'", "only by when"),
              branch.weight, 1, 1'000'000);
  table.text(key("when", "requests whose header or cookie has this value come here", "by weight"),
             branch.when, {}, check_field_value);
}

void describe_sticky(Scope& scope, StickySettings& sticky) {
  OptionTable& table = scope.rows();
  table.text(key("cookie", "name of the cookie that remembers the branch"), sticky.cookie, {},
             check_cookie_name);
  table.duration(key("max_age", "how long the browser keeps it", "until the browser closes"),
                 sticky.max_age, std::chrono::seconds(1), std::chrono::hours(24 * 365));
}

void check_split(const SplitSettings& split, const Report& report) {
  const bool by_value = !split.header.empty() || !split.cookie.empty();
  for (std::size_t i = 0; i < split.to.size(); ++i) {
    const std::string path = "to[" + std::to_string(i) + "]";
    if (!split.to[i].when.empty() && !by_value) {
      report(path + ".when", "the split names neither a header nor a cookie to compare with");
    }
    if (split.to[i].when.empty() && split.to[i].weight == 0) {
      report(path + ".weight", "without when, nothing would come here");
    }
  }
  if (std::ranges::all_of(split.to, [](const SplitBranch& b) { return b.weight == 0; })) {
    report("to", "one branch needs a weight, for requests that no when fits");
  }
}

void describe_split(Scope& scope, SplitSettings& split) {
  OptionTable& table = scope.rows();
  scope.items({.key = "to",
               .doc = "branches",
               .noun = "target",
               .low = 1,
               .high = 100,
               .shorthand = "cluster"},
              split.to, &describe_branch);
  table.text(key("header", "request header compared with the branches' when", "none"), split.header,
             {}, check_field_name);
  table.text(key("cookie", "cookie compared with the branches' when", "none"), split.cookie, {},
             check_cookie_name);
  scope.at_most_one_of({"header", "cookie"});
  scope.section({.key = "sticky", .doc = "clients stay with their branch; {} for its defaults"},
                split.sticky, &describe_sticky);
  scope.check([&split](const Report& report) { check_split(split, report); });
}

void describe_redirect(Scope& scope, RedirectSettings& redirect) {
  OptionTable& table = scope.rows();
  table.count(key("status", "301, 302, 303, 307 or 308"), redirect.status, 301, 308);
  table.text(key("to", "where to"), redirect.to, "/new or https://example.test", check_redirect);
  table.flag(key("keep_path", "put the request's path and query behind it"), redirect.keep_path);
  scope.check([&redirect](const Report& report) {
    if (redirect.status > 303 && redirect.status < 307) {
      report("status", "it is no redirect: write 301, 302, 303, 307 or 308");
    }
    if (redirect.keep_path && redirect.to.find_first_of("?#") != std::string::npos) {
      report("to", "with keep_path it can have neither ? nor #");
    }
  });
}

void describe_respond(Scope& scope, RespondSettings& respond) {
  OptionTable& table = scope.rows();
  table.count(key("status", "status of the answer"), respond.status, 200, 599);
  table.text(key("body", "its body", "no body"), respond.body);
  scope.texts({.key = "headers", .doc = "its headers", .noun = "header", .high = 100},
              respond.headers, settable_field_names(), check_field_value);
}

void describe_rewrite(Scope& scope, RewriteSettings& rewrite) {
  OptionTable& table = scope.rows();
  table.text(key("prefix", "stands in the place of match.prefix"), rewrite.prefix, "/", check_path);
  table.text(key("regex", "its first match in the path is replaced (RE2)"), rewrite.regex,
             "^/v1/(.*)", check_regex);
  scope.one_of({"prefix", "regex"});
  table.text(key("with", "what stands in the match's place; \\1 is the first group", "nothing"),
             rewrite.with, "/\\1");
  scope.check([&rewrite](const Report& report) {
    if (rewrite.regex.empty()) {
      if (!rewrite.with.empty()) report("with", "it belongs to regex");
    } else if (auto fine = check_substitution(rewrite.regex, rewrite.with); !fine) {
      report("with", fine.error());
    }
  });
}

void describe_edits(Scope& scope, HeaderEdits& edits) {
  scope.texts({.key = "set", .doc = "replaces what is there", .noun = "header", .high = 100},
              edits.set, settable_field_names(), check_field_value);
  scope.texts({.key = "add", .doc = "is added to what is there", .noun = "header", .high = 100},
              edits.add, settable_field_names(), check_field_value);
  scope.rows().list(key("remove", "is taken out, before set and add", "nothing"), edits.remove,
                    "X-Debug", check_settable_field_name);
}

void describe_headers(Scope& scope, RouteHeaders& headers) {
  scope.group({.key = "request", .doc = "changes on the way to the server"}, headers.request,
              &describe_edits);
  scope.group({.key = "response", .doc = "changes on the way to the client"}, headers.response,
              &describe_edits);
}

void describe_retry(Scope& scope, RouteRetry& retry) {
  constexpr std::string_view kFrom = "the cluster's";
  OptionTable& table = scope.rows();
  table.count(inherited(key("tries", "tries of a request in all; 1: no retries"), kFrom),
              retry.tries, 1, 100);
  table.flag(inherited(key("on_timeout",
                           "retry idempotent requests also after timeouts of first_response_byte, "
                           "response_idle and try"),
                       kFrom),
             retry.on_timeout);
  table.parsed_list(
      inherited(key("statuses", "responses after which idempotent requests are retried", "none"),
                kFrom),
      retry.statuses, "502, 503", parse_retry_status,
      [](int status) { return std::to_string(status); });
  table.flag(key("idempotent", "all requests of the route may be repeated, whatever their method"),
             retry.idempotent);
}

void describe_buffer(Scope& scope, BufferSettings& buffer) {
  OptionTable& table = scope.rows();
  table.bytes(key("memory", "bytes of a message held in memory"), buffer.memory, 4 * kKiB, kGiB);
  table.bytes(key("disk", "bytes held on disk when memory is full", "none"), buffer.disk, 4 * kKiB,
              1024 * kGiB);
}

void describe_actions(Scope& scope, RouteSettings& route) {
  scope.rows().text(key("cluster", "servers that answer"), route.cluster);
  scope.refers("cluster", "clusters");
  scope.section({.key = "split", .doc = "clusters that share the requests (canary)"}, route.split,
                &describe_split);
  scope.section({.key = "redirect", .doc = "send the client elsewhere"}, route.redirect,
                &describe_redirect);
  scope.section({.key = "respond", .doc = "a fixed answer"}, route.respond, &describe_respond);
  scope.one_of({"cluster", "split", "redirect", "respond"});
}

void check_route(const RouteSettings& route, const Report& report) {
  if (route.rewrite && !route.rewrite->prefix.empty() && route.match.prefix.empty()) {
    report("rewrite.prefix", "it needs a match.prefix to replace");
  }
  if (route.rewrite && route.cluster.empty() && !route.split) {
    report("rewrite", "the route asks no server");
  }
}

}  // namespace

void describe_route(Scope& scope, RouteSettings& route) {
  OptionTable& table = scope.rows();
  table.text(key("name", "what records and metrics call it", "what it matches"), route.name);
  scope.group({.key = "match", .doc = "which requests it takes; what is left out matches all"},
              route.match, &describe_match);
  describe_actions(scope, route);
  scope.section({.key = "rewrite", .doc = "the path that the server sees"}, route.rewrite,
                &describe_rewrite);
  scope.group({.key = "headers", .doc = "headers that are changed"}, route.headers,
              &describe_headers);
  scope.group({.key = "timeouts", .doc = "waits that differ from the cluster's"}, route.timeouts,
              &describe_route_timeouts);
  scope.group({.key = "retry", .doc = "retries that differ from the cluster's"}, route.retry,
              &describe_retry);
  scope.section({.key = "buffer_request",
                 .doc = "take in the request before a server is asked, so that it can be replayed"},
                route.buffer_request, &describe_buffer);
  scope.section({.key = "buffer_response",
                 .doc = "take in the response, so that a slow client does not hold the server"},
                route.buffer_response, &describe_buffer);
  table.word(key("on_client_gone",
                 "cancel the server's work when the client left, or let it run to its end"),
             route.on_client_gone, {{"cancel", OnClientGone::cancel}, {"run", OnClientGone::run}});
  table.duration(key("run_for", "how long it may run on after that", "no bound"), route.run_for,
                 kShortest, kDay);
  table.bytes(inherited(key("max_body_bytes", "longest request body; more: 413",
                            "no request may have a body"),
                        "the listener's"),
              route.max_body_bytes, 1, 1024 * kGiB);
  table.list(key("upgrade", "protocols that a request may upgrade to", "none"), route.upgrade,
             "websocket", check_protocol);
  scope.check([&route](const Report& report) { check_route(route, report); });
}

}  // namespace finack::gateway
