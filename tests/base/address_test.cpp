#include "finack/base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace finack {
namespace {

Address v6(const char* text, std::uint16_t port) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return from_sockaddr(storage);
}

TEST(Address, V4) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_port = htons(8080);
  EXPECT_EQ(::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr), 1);
  EXPECT_EQ(to_string(from_sockaddr(storage)), "192.0.2.1:8080");
  EXPECT_EQ(host_string(from_sockaddr(storage)), "192.0.2.1");
}

TEST(Address, V6) {
  EXPECT_EQ(to_string(v6("2001:db8::1", 443)), "[2001:db8::1]:443");
  EXPECT_EQ(host_string(v6("::1", 1)), "::1");
  EXPECT_EQ(v6("::1", 1), v6("::1", 1));
  EXPECT_NE(v6("::1", 1), v6("::1", 2));
}

TEST(Address, MappedV4IsV4) {
  const Address address = v6("::ffff:192.0.2.1", 80);
  EXPECT_EQ(address.family, Address::Family::v4);
  EXPECT_EQ(to_string(address), "192.0.2.1:80");
}

TEST(Address, UnixAndNone) {
  sockaddr_storage storage{};
  EXPECT_EQ(to_string(from_sockaddr(storage)), "");
  storage.ss_family = AF_UNIX;
  EXPECT_EQ(to_string(from_sockaddr(storage)), "unix:");
}

}  // namespace
}  // namespace finack
