#include "support/ask_once.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

namespace finack::tests {

Fd connect_blocking(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return {};
  const timeval limit{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

std::string ask_once(std::uint16_t port, std::string_view target) {
  const Fd fd = connect_blocking(port);
  if (!fd) return "refused";
  const std::string request =
      "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string all;
  char chunk[4096];
  for (;;) {
    const ssize_t n = ::recv(fd.get(), chunk, sizeof chunk, 0);
    if (n == 0) return all;
    if (n < 0 && errno == EINTR) continue;  // the exit of a ring of this thread interrupts it
    if (n < 0) return all + "|recv: " + std::strerror(errno);
    all.append(chunk, static_cast<std::size_t>(n));
  }
}

}  // namespace finack::tests
