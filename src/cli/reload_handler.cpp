#include "cli/reload_handler.h"

#include "admin/answer.h"

namespace finack::cli {
void ReloadHandler::handle(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  if (request.path != "/reload") return admin::answer_not_found(exchange);
  if (request.method != http::Method::post) return admin::answer_wrong_method(exchange, "POST");
  const ReloadOutcome outcome = reload_();
  admin::answer_json(exchange, outcome.done() ? 200 : 422, reload_json(outcome));
}

}  // namespace finack::cli
