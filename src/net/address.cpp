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

void discard_received(int fd) {
  // TCP drops what MSG_TRUNC asks for without copying it (tcp(7)).
  for (int i = 0; i < 16; ++i)
    if (::recv(fd, nullptr, 64 * 1024, MSG_TRUNC | MSG_DONTWAIT) <= 0) return;
}

}  // namespace finack::net
