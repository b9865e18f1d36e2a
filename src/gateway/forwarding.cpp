#include "gateway/forwarding.h"

#include <algorithm>
#include <cstring>

#include "finack/http/hop_by_hop.h"
#include "gateway/arena_text.h"
#include "gateway/header_edits.h"
#include "gateway/proxy_status.h"
#include "http/ascii.h"
#include "http/scan.h"

namespace finack::gateway {
namespace {

using http::Header;

constexpr std::string_view kRequestId = "x-request-id";
constexpr std::size_t kLongestRequestId = 128;

/// What may stand in a name of a request.
struct IdByte {
  static constexpr bool accepts(unsigned char c) {
    return http::scan::is_alpha(c) || http::scan::is_digit(c) ||
           http::scan::is_one_of(c, "-_.:+/=@~");
  }
};

bool is_sane_id(std::string_view id) {
  return !id.empty() && id.size() <= kLongestRequestId &&
         std::ranges::all_of(id, [](char c) { return http::scan::accepts<IdByte>(c); });
}

/// Eight digits.
char* put_hex(char* out, std::uint32_t value) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  // A digit a byte, the lowest byte the highest digit, as little-endian memory has it first.
  std::uint64_t digits = __builtin_bswap32(value);
  digits = (digits | digits << 16) & 0x0000ffff0000ffff;
  digits = (digits | digits << 8) & 0x00ff00ff00ff00ff;
  digits = (digits >> 4 & 0x000f000f000f000f) | (digits & 0x000f000f000f000f) << 8;
  // What is above 9 carries into its fifth bit with 6 more.
  const std::uint64_t letters = (digits + 6 * kOnes) >> 4 & kOnes;
  digits += '0' * kOnes + letters * ('a' - '0' - 10);
  std::memcpy(out, &digits, sizeof digits);
  return out + sizeof digits;
}

std::string_view make_id(const std::array<std::uint64_t, 2>& draw, route::ByteArena& arena) {
  char* const place = arena.take(4 * 8);
  char* end = place;
  for (const std::uint64_t half : draw) {
    end = put_hex(end, static_cast<std::uint32_t>(half >> 32));
    end = put_hex(end, static_cast<std::uint32_t>(half));
  }
  return {place, end};
}

/// What the gateway writes, or answers, itself.
bool is_written_anew(std::string_view name) {
  return http::equals_lower(name, "host") || http::equals_lower(name, "content-length") ||
         http::equals_lower(name, "expect");
}

bool has_field(const std::vector<Header>& headers, std::string_view lower) {
  return std::ranges::any_of(
      headers, [lower](const Header& field) { return http::equals_lower(field.name, lower); });
}

/// RFC 9110 9.3.8: a TRACE must not have any.
bool traces_content(const http::RequestHead& head) {
  return head.method == http::Method::trace && head.framing != http::Framing::none &&
         (head.framing != http::Framing::length || head.content_length != 0);
}

}  // namespace

std::string_view allowed_upgrade(std::string_view upgrade,
                                 const std::vector<std::string>& allowed) {
  std::string_view protocol;
  while (http::take_list_member(upgrade, protocol)) {
    const std::string_view bare = protocol.substr(0, protocol.find('/'));
    for (const std::string& name : allowed) {
      const bool versioned = name.find('/') != std::string::npos;
      if (http::equals_nocase(versioned ? protocol : bare, name)) return protocol;
    }
  }
  return {};
}

Forwarding::Forwarding(const GatewaySettings& settings, std::string_view mark)
    : trusted_(settings.trusted_proxies),
      policy_(settings.forwarded),
      request_id_(settings.request_id),
      proxy_status_(settings.proxy_status),
      name_(settings.via.empty() ? "finack" : settings.via),
      via_(settings.via, mark) {}

std::string_view Forwarding::settle_request_id(std::vector<Header>& headers,
                                               const std::array<std::uint64_t, 2>& draw,
                                               route::ByteArena& arena) const {
  std::string_view id;
  bool named = false;
  for (const Header& field : headers) {
    if (!http::equals_lower(field.name, kRequestId)) continue;
    named = true;
    if (id.empty()) id = field.value;
  }
  if (!is_sane_id(id)) id = {};
  if (!request_id_) return id;
  if (id.empty()) id = make_id(draw, arena);
  if (named)
    std::erase_if(headers, [](const Header& h) { return http::equals_lower(h.name, kRequestId); });
  headers.push_back({"X-Request-Id", id});
  return id;
}

ForwardedRequest Forwarding::prepare(const http::RequestHead& head, const Hop& hop,
                                     const RouteSettings& route,
                                     const std::array<std::uint64_t, 2>& draw,
                                     route::ByteArena& arena, std::vector<Header>& headers) const {
  ForwardedRequest request;
  if (via_.looped(head.headers)) {
    request.refused = record::Cause::policy_loop;
    return request;
  }
  if (traces_content(head)) {
    request.refused = record::Cause::policy_bad_request;
    request.reason = "trace_content";
    return request;
  }
  headers.clear();
  for (const Header& field : head.headers) {
    if (!is_written_anew(field.name)) headers.push_back(field);
  }
  const http::HopByHop connection = http::remove_hop_by_hop(headers);
  request.host = head.host;
  request.te_trailers = connection.te_trailers;
  const bool empty = head.framing == http::Framing::none ||
                     (head.framing == http::Framing::length && head.content_length == 0);
  if (head.upgrade && empty) {
    request.upgrade = allowed_upgrade(connection.upgrade, route.upgrade);
  }
  request.client = believed_client(hop.peer, headers, trusted_, policy_);
  write_forwarded(headers, hop, trusted_.contains(hop.peer), policy_, arena);
  request.request_id = settle_request_id(headers, draw, arena);
  if (const std::string_view line = via_.line(head.minor); !line.empty()) {
    headers.push_back({"Via", line});
  }
  apply_request_edits(route.headers.request, headers);
  return request;
}

void Forwarding::prepare_trailers(const http::RequestHead& head, std::span<const Header> trailers,
                                  const RouteSettings& route, std::vector<Header>& out) const {
  out.clear();
  // For what it names; it goes itself, too.
  for (const Header& field : head.headers)
    if (http::equals_lower(field.name, "connection")) out.push_back(field);
  out.insert(out.end(), trailers.begin(), trailers.end());
  http::remove_hop_by_hop(out);
  std::erase_if(out, [&](const Header& field) {
    return tells_of_client(field.name) || http::equals_lower(field.name, kRequestId) ||
           http::equals_lower(field.name, "via") || edits(route.headers.request, field.name);
  });
}

void Forwarding::prepare_interim(std::uint8_t minor, std::vector<Header>& headers) const {
  http::remove_hop_by_hop(headers);
  std::erase_if(headers,
                [](const Header& h) { return http::equals_lower(h.name, "content-length"); });
  if (const std::string_view line = via_.line(minor); !line.empty()) {
    headers.push_back({"Via", line});
  }
}

std::string_view Forwarding::prepare_response(std::uint8_t minor, const RouteSettings& route,
                                              const ResponseAdditions& additions,
                                              std::vector<Header>& headers) const {
  const http::HopByHop connection = http::remove_hop_by_hop(headers);
  std::erase_if(headers,
                [](const Header& h) { return http::equals_lower(h.name, "content-length"); });
  if (const std::string_view line = via_.line(minor); !line.empty()) {
    headers.push_back({"Via", line});
  }
  if (!additions.request_id.empty() && !has_field(headers, kRequestId)) {
    headers.push_back({"X-Request-Id", additions.request_id});
  }
  if (!additions.set_cookie.empty()) headers.push_back({"Set-Cookie", additions.set_cookie});
  apply_edits(route.headers.response, headers);
  return connection.upgrade;
}

std::string_view Forwarding::proxy_status(record::Cause cause, route::ByteArena& arena) const {
  return proxy_status_ ? write_proxy_status(name_, cause, arena) : std::string_view();
}

}  // namespace finack::gateway
