#include "finack/base/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

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
