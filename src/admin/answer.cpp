#include "admin/answer.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <utility>

namespace finack::admin {
namespace {

constexpr http::Header kNoStore{.name = "Cache-Control", .value = "no-store"};

void answer(http::Exchange& exchange, int status, std::span<const http::Header> headers,
            const boost::json::value& body, record::Cause cause) {
  std::string text = boost::json::serialize(body) + "\n";
  http::ResponseHead head;
  head.status = status;
  head.content_type = "application/json";
  head.headers = headers;
  head.content_length = text.size();
  head.cause = cause;
  exchange.respond_owned(head, std::move(text));
}

boost::json::value error(std::string_view what) { return boost::json::object{{"error", what}}; }

}  // namespace

void answer_json(http::Exchange& exchange, int status, const boost::json::value& body) {
  answer(exchange, status, {&kNoStore, 1}, body, record::Cause::unknown);
}

void answer_error(http::Exchange& exchange, int status, std::string_view what,
                  record::Cause cause) {
  answer(exchange, status, {&kNoStore, 1}, error(what), cause);
}

void answer_not_found(http::Exchange& exchange) {
  answer_error(exchange, 404, "there is no such path", record::Cause::policy_no_route);
}

void answer_wrong_method(http::Exchange& exchange, std::string_view allowed) {
  const http::Header headers[] = {{.name = "Allow", .value = allowed}, kNoStore};
  answer(exchange, 405, headers, error(fmt::format("only {}", allowed)), record::Cause::unknown);
}

}  // namespace finack::admin
