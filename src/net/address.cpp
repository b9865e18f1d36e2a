#include "net/address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "net/syscall.h"

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

bool unix_sockaddr(std::string_view path, sockaddr_storage& storage, socklen_t& size) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof name.sun_path) return false;
  path.copy(name.sun_path, path.size());
  const bool abstract = path.front() == '@';
  if (abstract) name.sun_path[0] = '\0';
  size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  storage = {};
  std::memcpy(&storage, &name, sizeof name);
  return true;
}

void discard_received(int fd) {
  // TCP drops what MSG_TRUNC asks for without copying it (tcp(7)).
  for (int i = 0; i < 16; ++i)
    if (sys::recv(fd, nullptr, 64 * 1024, MSG_TRUNC | MSG_DONTWAIT) <= 0) return;
}

}  // namespace finack::net
