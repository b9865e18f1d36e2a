#include "route/client_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "finack/route/engine.h"
#include "http/ascii.h"

namespace finack::route {

namespace {

/// Without the brackets of IPv6; empty when one of them is missing.
std::string_view without_brackets(std::string_view text) {
  if (!text.starts_with('[')) return text;
  return text.ends_with(']') ? text.substr(1, text.size() - 2) : std::string_view();
}

/// "1.2.3.4:80" and "[::1]:80" without the port, which some proxies add.
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) return text.substr(0, text.find(']') + 1);
  const std::size_t colon = text.find(':');
  const bool one_colon = colon != std::string_view::npos && text.rfind(':') == colon;
  return one_colon ? text.substr(0, colon) : text;
}

/// nullopt when `text` is no address.
std::optional<Address> parse_address(std::string_view text) {
  const std::string plain(without_brackets(text));
  Address out;
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, plain.c_str(), &v4) == 1) {
    out.family = Address::Family::v4;
    std::memcpy(out.bytes, &v4, 4);
    return out;
  }
  if (::inet_pton(AF_INET6, plain.c_str(), &v6) != 1) return std::nullopt;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    out.family = Address::Family::v4;
    std::memcpy(out.bytes, v6.s6_addr + 12, 4);
  } else {
    out.family = Address::Family::v6;
    std::memcpy(out.bytes, v6.s6_addr, 16);
  }
  return out;
}

}  // namespace

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = parse_address(text.substr(0, slash));
  if (!base) return std::nullopt;
  const unsigned most = base->family == Address::Family::v4 ? 32 : 128;
  Network out{*base, most};
  if (slash == std::string_view::npos) return out;
  const std::string_view bits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), out.bits);
  const bool whole = error == std::errc() && end == bits.data() + bits.size();
  if (!whole || out.bits > most) return std::nullopt;
  return out;
}

bool Network::contains(const Address& address) const {
  if (address.family != base.family) return false;
  const unsigned whole = bits / 8;
  const unsigned rest = bits % 8;
  if (!std::equal(base.bytes, base.bytes + whole, address.bytes)) return false;
  if (rest == 0) return true;
  const auto differ = static_cast<unsigned>(base.bytes[whole] ^ address.bytes[whole]);
  return (differ >> (8 - rest)) == 0;
}

std::string client_address(const Engine& engine, const Address& peer,
                           std::span<const http::Header> headers) {
  Address client = peer;
  if (!engine.trusts(peer)) return host_string(client);
  for (std::size_t i = headers.size(); i-- > 0;) {
    if (!http::equals_nocase(headers[i].name, "X-Forwarded-For")) continue;
    std::string_view list = headers[i].value;
    while (!list.empty()) {
      const std::size_t comma = list.rfind(',');
      const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
      const auto entry = parse_address(without_port(http::trim_ows(list.substr(begin))));
      if (!entry) return host_string(client);
      client = *entry;
      if (!engine.trusts(client)) return host_string(client);
      list = list.substr(0, begin == 0 ? 0 : comma);
    }
  }
  return host_string(client);
}

}  // namespace finack::route
