#include "finack/admin/handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace finack::admin {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kMetricsText = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kJson = "application/json";
// Probes and scrapes ask for the state of this moment.
constexpr http::Header kNoStore{.name = "Cache-Control", .value = "no-store"};

constexpr std::string_view kIndex =
    "Finack admin\n"
    "\n"
    "  /metrics   Prometheus metrics\n"
    "  /livez     200 while the process is sound\n"
    "  /readyz    200 while it wants traffic, 503 before and during a drain\n"
    "  /version   what runs, as JSON\n";

void answer(http::Exchange& exchange, int status, std::string_view type, std::string&& body) {
  http::ResponseHead head;
  head.status = status;
  head.content_type = type;
  head.headers = {&kNoStore, 1};
  head.content_length = body.size();
  if (status == 404) head.cause = record::Cause::policy_no_route;
  exchange.respond_owned(head, std::move(body));
}

void refuse_method(http::Exchange& exchange) {
  const http::Header headers[] = {{.name = "Allow", .value = "GET, HEAD"}, kNoStore};
  const std::string_view body = "only GET and HEAD\n";
  http::ResponseHead head;
  head.status = 405;
  head.content_type = kText;
  head.headers = headers;
  head.content_length = body.size();
  exchange.respond(head, body);
}

bool reads_only(const http::RequestHead& request) {
  return request.method == http::Method::get || request.method == http::Method::head;
}

std::string_view readiness_word(const Health& health) {
  if (!health.alive()) return "broken\n";
  if (health.draining()) return "draining\n";
  return health.ready() ? "ready\n" : "starting\n";
}

/// The two probes; false: another path.
bool answer_probe(http::Exchange& exchange, const Health& health) {
  const std::string_view path = exchange.request().path;
  if (path == "/livez") {
    const bool alive = health.alive();
    answer(exchange, alive ? 200 : 503, kText, alive ? "alive\n" : "broken\n");
  } else if (path == "/readyz") {
    answer(exchange, health.ready() ? 200 : 503, kText, std::string(readiness_word(health)));
  } else {
    return false;
  }
  return true;
}

/// Nobody else may answer these: what watches the process relies on them.
bool built_in(std::string_view path) {
  constexpr std::string_view kPaths[] = {"/", "/metrics", "/livez", "/readyz", "/version"};
  return std::ranges::find(kPaths, path) != std::ranges::end(kPaths);
}

void answer_not_found(http::Exchange& exchange) { answer(exchange, 404, kText, "not found\n"); }

}  // namespace

void AdminHandler::handle(http::Exchange& exchange) {
  if (options_.more != nullptr && !built_in(exchange.request().path))
    return options_.more->handle(exchange);
  if (!reads_only(exchange.request())) return refuse_method(exchange);
  if (answer_probe(exchange, *options_.health)) return;
  const std::string_view path = exchange.request().path;
  if (path == "/metrics") {
    answer(exchange, 200, kMetricsText, options_.metrics());
  } else if (path == "/version") {
    answer(exchange, 200, kJson,
           fmt::format("{{\"version\":\"{}\",\"revision\":\"{}\",\"loop_backend\":\"{}\"}}\n",
                       options_.version, options_.revision, options_.loop_backend));
  } else if (path == "/") {
    answer(exchange, 200, kText, std::string(kIndex) + options_.more_index);
  } else {
    answer_not_found(exchange);
  }
}

void ProbeHandler::handle(http::Exchange& exchange) {
  if (!reads_only(exchange.request())) return refuse_method(exchange);
  if (!answer_probe(exchange, *health_)) answer_not_found(exchange);
}

}  // namespace finack::admin
