#include "gateway/proxy_status.h"

#include "gateway/arena_text.h"
#include "http/scan.h"

namespace finack::gateway {
namespace {

using record::Cause;

std::string_view upstream_error(Cause cause) {
  switch (cause) {
    case Cause::upstream_resolve_failed:
      return "dns_error";
    case Cause::upstream_refused:
      return "connection_refused";
    case Cause::upstream_unreachable:
      return "destination_ip_unroutable";
    case Cause::upstream_connect_reset:
    case Cause::upstream_stale_reuse:
    case Cause::upstream_closed_no_head:
    case Cause::upstream_write_refused:
    case Cause::upstream_h2_reset:
      return "connection_terminated";
    case Cause::upstream_tls_closed:
      return "tls_protocol_error";
    case Cause::upstream_tls_alert:
      return "tls_alert_received";
    case Cause::upstream_tls_untrusted:
      return "tls_certificate_error";
    case Cause::upstream_head_truncated:
    case Cause::upstream_body_truncated:
      return "http_response_incomplete";
    case Cause::upstream_head_too_large:
      return "http_response_header_section_size";
    case Cause::upstream_bad_head:
    case Cause::upstream_bad_framing:
    case Cause::upstream_extra_data:
    case Cause::upstream_h2_protocol:
      return "http_protocol_error";
    case Cause::upstream_upgrade_refused:
      return "http_upgrade_failed";
    case Cause::upstream_none_healthy:
    case Cause::upstream_circuit_open:
    case Cause::upstream_ejected:
      return "destination_unavailable";
    default:
      return {};
  }
}

std::string_view timeout_error(Cause cause) {
  switch (cause) {
    case Cause::timeout_resolve:
      return "dns_timeout";
    case Cause::timeout_connect:
    case Cause::timeout_tls:
      return "connection_timeout";
    case Cause::timeout_send:
      return "connection_write_timeout";
    case Cause::timeout_first_response_byte:
    case Cause::timeout_try:
    case Cause::timeout_request_total:
      return "http_response_timeout";
    case Cause::timeout_response_idle:
      return "connection_read_timeout";
    case Cause::timeout_queue:
      return "connection_limit_reached";
    default:
      return {};
  }
}

std::string_view policy_error(Cause cause) {
  switch (cause) {
    case Cause::policy_bad_request:
    case Cause::policy_smuggling:
    case Cause::policy_head_too_large:
    case Cause::policy_body_too_large:
      return "http_request_error";
    case Cause::policy_denied:
    case Cause::policy_rate_limited:
      return "http_request_denied";
    case Cause::policy_no_route:
      return "destination_not_found";
    case Cause::policy_loop:
      return "proxy_loop_detected";
    case Cause::policy_not_ready:
    case Cause::policy_maintenance:
      return "destination_unavailable";
    case Cause::policy_overload_shed:
      return "connection_limit_reached";
    default:
      return {};
  }
}

/// sf-token (RFC 8941 3.3.4)
bool is_structured_token(std::string_view name) {
  for (const char c : name) {
    if (!http::scan::accepts<http::scan::Token>(c) && c != ':' && c != '/') return false;
  }
  return !name.empty() &&
         (http::scan::is_alpha(static_cast<unsigned char>(name[0])) || name[0] == '*');
}

}  // namespace

std::string_view proxy_error(Cause cause) {
  using record::CauseFamily;
  switch (record::info(cause).family) {
    case CauseFamily::upstream:
      return upstream_error(cause);
    case CauseFamily::timeout:
      return timeout_error(cause);
    case CauseFamily::policy:
      return policy_error(cause);
    case CauseFamily::network:
      return cause == Cause::network_unreachable ? "destination_ip_unroutable"
                                                 : "connection_terminated";
    case CauseFamily::app:
    case CauseFamily::resource:
    case CauseFamily::bug:
    case CauseFamily::unknown:
      return "proxy_internal_error";
    default:
      return {};
  }
}

std::string_view write_proxy_status(std::string_view name, Cause cause, route::ByteArena& arena) {
  const std::string_view quote = is_structured_token(name) ? "" : "\"";
  const std::string_view error = proxy_error(cause);
  return join(arena, {quote, name, quote, error.empty() ? "" : "; error=", error, "; details=\"",
                      record::name(cause), "\""});
}

}  // namespace finack::gateway
