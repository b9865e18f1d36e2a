#include "cli/reload_handler.h"

namespace finack::cli {
namespace {

void answer(http::Exchange& exchange, int status, std::string_view type, std::string body) {
  const http::Header headers[] = {{.name = "Cache-Control", .value = "no-store"},
                                  {.name = "Allow", .value = "POST"}};
  http::ResponseHead head;
  head.status = status;
  head.content_type = type;
  head.headers = {headers, status == 405 ? 2U : 1U};
  head.content_length = body.size();
  if (status == 404) head.cause = record::Cause::policy_no_route;
  exchange.respond_owned(head, std::move(body));
}

}  // namespace

void ReloadHandler::handle(http::Exchange& exchange) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  const http::RequestHead& request = exchange.request();
  if (request.path != "/reload") return answer(exchange, 404, kText, "not found\n");
  if (request.method != http::Method::post) return answer(exchange, 405, kText, "only POST\n");
  const ReloadOutcome outcome = reload_();
  answer(exchange, outcome.done() ? 200 : 422, "application/json", reload_json(outcome));
}

}  // namespace finack::cli
