#pragma once
#include <sys/socket.h>

#include <string_view>

#include "finack/base/address.h"

namespace finack::net {

/// The far end of a connected socket; works also after a reset, when getpeername no longer does.
/// Family none when the kernel will not say.
Address peer_address(int fd);
/// The near end of a socket.
Address local_address(int fd);

/// The kernel's address of a Unix socket; false: `path` is empty or too long. One that begins with
/// '@' is in the abstract namespace: no file.
bool unix_sockaddr(std::string_view path, sockaddr_storage& storage, socklen_t& size);

/// Drops what a connected socket has received, as far as it is there (at most 1 MiB): close() then
/// sends a FIN, not a RST.
void discard_received(int fd);

}  // namespace finack::net
