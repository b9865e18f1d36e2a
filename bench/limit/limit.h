#pragma once
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

/// What both limit servers share. A limit server does the least that still answers HTTP/1.1 over
/// the same system calls: no parser, no routes, no time limits, no records. It is what Finack is
/// measured against, so it is written to be fast and not to be a server.
namespace finack::bench {

/// Answers sent with one call at most; more pipelined requests take another call.
inline constexpr std::uint32_t kBurst = 64;
inline constexpr std::string_view kPong = "finack: pong\n";

struct LimitOptions {
  std::uint16_t port = 8081;
  std::size_t body = 0;  ///< Bytes of an answer's body; 0: kPong.
  bool close = false;    ///< Close the descriptor after each answer, without shutdown or waiting.
  bool agreed =
      false;  ///< Close by agreement: our FIN, the peer's FIN, one look at what is unsent.
};

inline LimitOptions limit_options(int argc, char** argv) {
  LimitOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--close") {
      options.close = true;
    } else if (word == "--agreed") {
      options.close = options.agreed = true;
    } else if (word == "--body" && i + 1 < argc) {
      options.body = static_cast<std::size_t>(std::atoll(argv[++i]));
    } else if (word == "--port" && i + 1 < argc) {
      options.port = static_cast<std::uint16_t>(std::atoi(argv[++i]));
    } else {
      std::fprintf(stderr, "usage: %s [--port NUMBER] [--body BYTES] [--close | --agreed]\n",
                   argv[0]);
      std::exit(2);
    }
  }
  return options;
}

/// On 127.0.0.1. Accepted sockets inherit TCP_NODELAY.
inline int listen_on(std::uint16_t port, int socket_flags) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, 4096) != 0) {
    std::perror("cannot listen");
    std::exit(1);
  }
  return fd;
}

/// kBurst answers in a row.
inline std::string answers(const LimitOptions& options) {
  const std::string body = options.body > 0 ? std::string(options.body, 'x') : std::string(kPong);
  const std::string one = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                          "\r\n" + (options.close ? "Connection: close\r\n" : "") +
                          "Content-Type: text/plain\r\n\r\n" + body;
  std::string all;
  for (std::uint32_t i = 0; i < kBurst; ++i) all += one;
  return all;
}

/// Finds the ends of request heads in one connection's bytes, however they were cut.
class HeadCounter {
 public:
  std::uint32_t count(const char* bytes, std::size_t size) {
    const char* const end = bytes + size;
    std::uint32_t heads = 0;
    // A head ends in \n\r\n; `since_` is how many bytes ago the last \n was, 3 or more: far.
    const char* line = bytes - since_;
    for (const char* at = bytes;
         (at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at))));
         ++at) {
      if (at - line == 2) ++heads;
      line = at;
    }
    since_ = static_cast<std::uint8_t>(end - line < 3 ? end - line : 3);
    return heads;
  }

 private:
  std::uint8_t since_ = 3;
};

}  // namespace finack::bench
