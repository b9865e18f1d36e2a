#pragma once
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace finack::net {

inline void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

/// Sets what DialOptions and ListenerOptions say alike about a TCP socket. Accepted sockets inherit
/// it from the one that listens.
template <class Options>
void set_tcp_options(int fd, const Options& options) {
  if (options.tcp_no_delay) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.tcp_keepalive_s > 0) {
    const int idle = static_cast<int>(options.tcp_keepalive_s);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(idle / 3, 1));
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  }
  if (options.tcp_user_timeout_ms > 0) {
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.tcp_user_timeout_ms));
  }
}

}  // namespace finack::net
