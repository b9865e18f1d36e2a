#include "finack/http/request_encoder.h"

#include <algorithm>
#include <array>

#include "http/ascii.h"
#include "http/field_text.h"
#include "http/host.h"
#include "http/request_line.h"
#include "http/scan.h"

namespace finack::http {
namespace {

ByteRange range_of(std::string_view text) { return {text.data(), text.data() + text.size()}; }

bool is_reserved(std::string_view name) {
  return is_ours(name) || equals_lower(name, "host") || equals_lower(name, "te") ||
         equals_lower(name, "upgrade");
}

/// The bytes that the request parser takes for a target, too.
bool has_target_bytes(std::string_view target) {
  const ByteRange in = range_of(target);
  const char* p = scan::skip<scan::Path>(in.begin, in);
  if (p != in.end && *p == '?') p = scan::skip<scan::Query>(p + 1, in);
  return p == in.end;
}

/// RFC 9112 3.2.3: CONNECT names host and port.
bool is_authority_form(std::string_view target) {
  const std::string_view port = target.substr(target.rfind(':') + 1);
  const bool digits = std::ranges::all_of(
      port, [](char c) { return scan::is_digit(static_cast<unsigned char>(c)); });
  return digits && !port.empty() && port.size() != target.size() &&
         is_host(target, range_of(target));
}

RequestFault check_target(const OutgoingRequest& request, Method method) {
  const std::string_view target = request.target;
  std::string_view authority;
  if (method == Method::connect) {
    if (!is_authority_form(target)) return RequestFault::target_invalid;
    authority = target;
  } else if (target == "*") {
    if (method != Method::options) return RequestFault::target_invalid;
  } else if (target.empty() || !has_target_bytes(target)) {
    return RequestFault::target_invalid;
  } else if (target[0] != '/') {
    authority = authority_of(target, range_of(target));
    if (authority.empty()) return RequestFault::target_invalid;
  }
  if (!is_host(request.host, range_of(request.host))) return RequestFault::host_invalid;
  // RFC 9112 3.2: a recipient that looks at the other one must see the same.
  const bool differs = !authority.empty() && !equals_nocase(authority, request.host);
  return differs ? RequestFault::host_not_authority : RequestFault::none;
}

RequestFault check_headers(std::span<const Header> headers) {
  for (const Header& field : headers) {
    if (!is_token(field.name)) return RequestFault::header_name_invalid;
    if (!is_value(field.value)) return RequestFault::header_value_invalid;
    if (is_reserved(field.name)) return RequestFault::header_reserved;
  }
  return RequestFault::none;
}

/// RFC 9110 8.6: a server may wait for a body that these have without a length.
bool wants_length(std::string_view name) {
  if (!name.starts_with('P')) return false;
  const Method method = method_of(name);
  return method == Method::post || method == Method::put || method == Method::patch;
}

char* put_framing(char* out, const OutgoingRequest& request) {
  if (request.framing == Framing::chunked) return put(out, "\r\nTransfer-Encoding: chunked");
  const bool length = request.framing == Framing::length;
  if (!length && !wants_length(request.method)) return out;
  out = put(out, "\r\nContent-Length: ");
  return put_decimal(out, length ? request.content_length : 0);
}

char* put_connection(char* out, const OutgoingRequest& request) {
  const bool upgrade = !request.upgrade.empty();
  if (upgrade) {
    out = put(out, "\r\nUpgrade: ");
    out = put(out, request.upgrade);
  }
  if (request.te_trailers) out = put(out, "\r\nTE: trailers");
  if (!upgrade && !request.te_trailers && !request.close) return out;
  out = put(out, "\r\nConnection: ");
  if (request.close) out = put(out, "close, ");
  if (request.te_trailers) out = put(out, "TE, ");
  if (upgrade) out = put(out, "upgrade, ");
  return out - 2;
}

}  // namespace

std::string_view name(RequestFault fault) {
  constexpr std::array<std::string_view, 9> kNames = {"none",
                                                      "method_invalid",
                                                      "target_invalid",
                                                      "host_invalid",
                                                      "host_not_authority",
                                                      "header_name_invalid",
                                                      "header_value_invalid",
                                                      "header_reserved",
                                                      "framing_invalid"};
  static_assert(kNames.size() == static_cast<std::size_t>(RequestFault::framing_invalid) + 1);
  return kNames[static_cast<std::size_t>(fault)];
}

RequestFault check(const OutgoingRequest& request) {
  if (!is_token(request.method)) return RequestFault::method_invalid;
  const Method method = method_of(request.method);
  if (const RequestFault fault = check_target(request, method); fault != RequestFault::none) {
    return fault;
  }
  if (const RequestFault fault = check_headers(request.headers); fault != RequestFault::none) {
    return fault;
  }
  if (!is_value(request.upgrade)) return RequestFault::header_value_invalid;
  const bool bodiless = method == Method::connect || method == Method::trace;
  if (bodiless && request.framing != Framing::none) return RequestFault::framing_invalid;
  return RequestFault::none;
}

std::size_t request_size_bound(const OutgoingRequest& request) {
  // The fixed parts: version, the names of Host, framing and connection fields, a length.
  constexpr std::size_t kFixedBytes = 192;
  return kFixedBytes + request.method.size() + request.target.size() + request.host.size() +
         request.upgrade.size() + fields_size_bound(request.headers);
}

std::size_t encode_request(const OutgoingRequest& request, char* out) {
  char* p = put(out, request.method);
  p = put(p, " ");
  p = put(p, request.target);
  p = put(p, " HTTP/1.1\r\nHost: ");
  p = put(p, request.host);
  for (const Header& field : request.headers) p = put_field(p, field);
  p = put_framing(p, request);
  p = put_connection(p, request);
  p = put(p, kHeadEnd);
  return static_cast<std::size_t>(p - out);
}

}  // namespace finack::http
