#include "load/client.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "drill/head.h"

namespace finack::bench {

namespace {
constexpr std::string_view kGood = "HTTP/1.1 200";
}

int dial(std::uint16_t port, bool blocking) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
                 errno != EINPROGRESS)) {
    std::perror("cannot connect");
    std::exit(1);
  }
  return fd;
}

std::string request(const Options& options, bool close) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}\r\n", options.target,
                     options.port, close ? "Connection: close\r\n" : "");
}

unsigned Answers::count(std::string_view bytes, std::size_t& used) {
  unsigned answers = 0;
  used = 0;
  while (!bytes.empty()) {
    std::size_t size = size_;
    const bool usual =
        size > 0 && bytes.size() >= size && bytes.starts_with(kGood) &&
        (bytes.size() < size + kGood.size() || bytes.substr(size, kGood.size()) == kGood);
    if (!usual) size = size_ = measure(bytes);
    if (size == 0 || bytes.size() < size) break;
    ++answers;
    used += size;
    bytes.remove_prefix(size);
  }
  return answers;
}

std::size_t Answers::measure(std::string_view bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) return 0;
  const std::string_view length = field(bytes.substr(0, head), "Content-Length");
  if (length.empty() || !bytes.starts_with(kGood)) {
    ++bad_;
    return bytes.size();
  }
  return head + 4 + number(length);
}

}  // namespace finack::bench
