#include "net/route.h"

#include <sys/socket.h>

#include <cerrno>

#include "finack/base/fd.h"
#include "net/dial.h"

namespace finack::net {

bool has_route(const Address& address) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (!to_sockaddr({.address = address}, storage, size)) return false;
  const Fd socket(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Want of descriptors says nothing about routes.
  if (!socket) return errno != EAFNOSUPPORT;
  // Of a datagram socket it only looks the route up.
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0;
}

}  // namespace finack::net
