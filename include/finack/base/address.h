#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "finack/base/error.h"

struct sockaddr_storage;

namespace finack {

/// A socket address as a value: no text, no allocation. A Unix socket's path is not kept here.
struct Address {
  enum class Family : std::uint8_t { none, v4, v6, unix_socket };
  Family family = Family::none;
  std::uint16_t port = 0;
  std::uint8_t bytes[16] = {};  ///< Network order; v4 uses the first four.

  friend bool operator==(const Address&, const Address&) = default;
};

/// "127.0.0.1:8080", "[::1]:8080", "unix:" or "".
std::string to_string(const Address& address);

/// An IP address: "127.0.0.1", "::1" or "[::1]". A mapped IPv4 address is read as IPv4.
std::optional<Address> parse_host(std::string_view text);
/// The same with or without a port: "127.0.0.1:80", "[::1]:80"; port 0 where there is none.
std::optional<Address> parse_address(std::string_view text);
/// Without the port: what per-client limits and logs go by. IPv4-mapped IPv6 prints as IPv4.
std::string host_string(const Address& address);
/// A kernel address as a value; IPv4-mapped IPv6 becomes IPv4.
Address from_sockaddr(const sockaddr_storage& storage);

}  // namespace finack
