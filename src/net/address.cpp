#include "net/address.h"

#include <sys/socket.h>

namespace finack::net {

namespace {
constexpr int kSoPeername = 28;  // SO_PEERNAME: <asm/socket.h>, not in every libc header
}

Address peer_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    return from_sockaddr(storage);
  }
  // It wants the exact size: that of our own address, which is of the same family.
  size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  if (::getsockopt(fd, SOL_SOCKET, kSoPeername, &storage, &size) == 0)
    return from_sockaddr(storage);
  return {};
}

Address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return from_sockaddr(storage);
}

}  // namespace finack::net
