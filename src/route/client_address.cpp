#include "route/client_address.h"

#include <algorithm>
#include <charconv>

#include "finack/route/engine.h"
#include "http/ascii.h"

namespace finack::route {

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = parse_host(text.substr(0, slash));
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

std::optional<Address> parse_forwarded_address(std::string_view text) {
  if (auto address = parse_address(text)) return address;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  // The colons of an IPv6 address without brackets are no port's.
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
  return parse_host(host);
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
      const auto entry = parse_forwarded_address(http::trim_ows(list.substr(begin)));
      if (!entry) return host_string(client);
      client = *entry;
      if (!engine.trusts(client)) return host_string(client);
      list = list.substr(0, begin == 0 ? 0 : comma);
    }
  }
  return host_string(client);
}

}  // namespace finack::route
