#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "finack/base/fd.h"

/// The peer's side of the conformance suites: plain sockets on the loopback interface.
namespace finack::net::testing {

inline Fd listen_on_loopback(sockaddr_in& address, int backlog = 512) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(fd.get(), backlog), 0);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return fd;
}

inline Fd connect_to(const sockaddr_in& address, int extra_flags = 0) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | extra_flags, 0));
  const int result =
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  EXPECT_TRUE(result == 0 || errno == EINPROGRESS) << errno;
  return fd;
}

inline sockaddr_in address_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

/// Two connected TCP sockets: ours and the peer's.
struct SocketPair {
  Fd ours;
  Fd peer;
};
inline SocketPair tcp_pair(int receive_buffer = 0) {
  sockaddr_in address;
  const Fd listener = listen_on_loopback(address);
  SocketPair pair;
  pair.peer = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0) {
    ::setsockopt(pair.peer.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  EXPECT_EQ(::connect(pair.peer.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  pair.ours = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(pair.ours);
  const int on = 1;
  ::setsockopt(pair.peer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(pair.ours.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return pair;
}

/// Closes with a RST.
inline void reset(Fd& fd) {
  const linger abort{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  fd.reset();
}

inline void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ASSERT_GT(n, 0) << errno;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Reads until end of file or error.
inline std::string read_all(int fd) {
  std::string all;
  char chunk[65536];
  for (ssize_t n = 0; (n = ::recv(fd, chunk, sizeof chunk, 0)) > 0;) {
    all.append(chunk, static_cast<std::size_t>(n));
  }
  return all;
}

}  // namespace finack::net::testing
