#include "gateway/answer.h"

#include <array>
#include <span>

namespace finack::gateway {

using record::Cause;

int status_of(Cause cause) {
  switch (cause) {
    case Cause::timeout_resolve:
    case Cause::timeout_connect:
    case Cause::timeout_tls:
    case Cause::timeout_send:
    case Cause::timeout_first_response_byte:
    case Cause::timeout_response_idle:
    case Cause::timeout_try:
    case Cause::timeout_request_total:
    case Cause::network_vanished:
      return 504;
    case Cause::timeout_queue:
    case Cause::upstream_none_healthy:
    case Cause::upstream_circuit_open:
    case Cause::resource_ports:
    case Cause::resource_descriptors:
    case Cause::resource_memory:
    case Cause::policy_overload_shed:
      return 503;
    default:
      return 502;
  }
}

void answer(http::Exchange& exchange, int status, Cause cause) {
  const std::string_view text = status == 404   ? "no route matches\n"
                                : status == 503 ? "the service is not available\n"
                                : status == 504 ? "the upstream did not answer in time\n"
                                                : "the upstream failed\n";
  constexpr std::array kRetry = {http::Header{.name = "Retry-After", .value = "1"}};
  http::ResponseHead head;
  head.status = status;
  head.content_type = "text/plain; charset=utf-8";
  if (status == 503) head.headers = kRetry;
  head.content_length = text.size();
  head.cause = cause;
  exchange.respond(head, text);
}

}  // namespace finack::gateway
