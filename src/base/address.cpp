#include "finack/base/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>

namespace finack {

std::string host_string(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  switch (address.family) {
    case Address::Family::v4:
      ::inet_ntop(AF_INET, address.bytes, text, sizeof text);
      return text;
    case Address::Family::v6:
      ::inet_ntop(AF_INET6, address.bytes, text, sizeof text);
      return text;
    case Address::Family::unix_socket:
      return "unix:";
    case Address::Family::none:
      break;
  }
  return {};
}

std::string to_string(const Address& address) {
  switch (address.family) {
    case Address::Family::v4:
      return fmt::format("{}:{}", host_string(address), address.port);
    case Address::Family::v6:
      return fmt::format("[{}]:{}", host_string(address), address.port);
    default:
      return host_string(address);
  }
}

std::optional<Address> parse_host(std::string_view text) {
  if (text.starts_with('[')) {
    if (!text.ends_with(']')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
  }
  const std::string plain(text);
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

std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool bracket = text.starts_with('[');
  const bool has_port = colon != std::string_view::npos &&
                        (bracket ? colon > 0 && text[colon - 1] == ']' : text.find(':') == colon);
  if (!has_port) return parse_host(text);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  auto out = parse_host(text.substr(0, colon));
  if (out) out->port = port;
  return out;
}

Address from_sockaddr(const sockaddr_storage& storage) {
  Address address;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    address.family = Address::Family::v4;
    address.port = ntohs(v4.sin_port);
    std::memcpy(address.bytes, &v4.sin_addr, 4);
  } else if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    address.port = ntohs(v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      address.family = Address::Family::v4;
      std::memcpy(address.bytes, v6.sin6_addr.s6_addr + 12, 4);
    } else {
      address.family = Address::Family::v6;
      std::memcpy(address.bytes, &v6.sin6_addr, 16);
    }
  } else if (storage.ss_family == AF_UNIX) {
    address.family = Address::Family::unix_socket;
  }
  return address;
}

}  // namespace finack
