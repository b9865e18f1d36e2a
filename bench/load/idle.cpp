// Opens connections, has one request answered on each, and holds them idle. A line with a number on
// standard input asks for so many in all; its end closes them.
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>

#include "load/client.h"

namespace finack::bench {

namespace {

/// -1 when the answer was not a 200.
int open_idle(const Options& options, const std::string& question) {
  const int fd = dial(options.port, true);
  std::array<char, 4096> buffer;
  Answers answers;
  std::string seen;
  std::size_t used = 0;
  ::send(fd, question.data(), question.size(), MSG_NOSIGNAL);
  while (answers.count(seen, used) == 0) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return -1;
    seen.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return answers.bad() == 0 ? fd : -1;
}

}  // namespace

int run_idle(const Options& options) {
  const std::string question = request(options, false);
  std::vector<int> open;
  std::size_t wanted = options.connections;
  do {
    while (open.size() < wanted) {
      open.push_back(open_idle(options, question));
      if (open.back() >= 0) continue;
      std::fprintf(stderr, "no answer on connection %zu\n", open.size());
      return 1;
    }
    fmt::print("{{\"mode\":\"idle\",\"open\":{}}}\n", open.size());
    std::fflush(stdout);
  } while (std::cin >> wanted);
  for (const int fd : open) ::close(fd);
  return 0;
}

}  // namespace finack::bench
