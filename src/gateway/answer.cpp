#include "gateway/answer.h"

#include <array>
#include <span>

namespace finack::gateway {

using record::Cause;

namespace {

std::string_view text_of(int status) {
  switch (status) {
    case 400:
      return "the request is not understood\n";
    case 404:
      return "no route matches\n";
    case 413:
      return "the request is too large\n";
    case 414:
      return "the path is too long\n";
    case 503:
      return "the service is not available\n";
    case 504:
      return "the upstream did not answer in time\n";
    case 508:
      return "the request came back to its sender\n";
    default:
      return "the upstream failed\n";
  }
}

}  // namespace

void answer(http::Exchange& exchange, int status, Cause cause, std::string_view proxy_status,
            const record::Evidence* evidence) {
  const std::string_view text = text_of(status);
  std::array<http::Header, 2> fields;
  std::size_t count = 0;
  if (status == 503) fields[count++] = {.name = "Retry-After", .value = "1"};
  if (!proxy_status.empty()) fields[count++] = {.name = "Proxy-Status", .value = proxy_status};
  http::ResponseHead head;
  head.status = status;
  head.content_type = "text/plain; charset=utf-8";
  head.headers = std::span(fields).first(count);
  head.content_length = text.size();
  head.cause = cause;
  head.evidence = evidence;
  exchange.respond(head, text);
}

}  // namespace finack::gateway
