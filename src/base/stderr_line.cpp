#include "base/stderr_line.h"

#include <poll.h>
#include <unistd.h>

#include <string>

namespace finack {

void write_stderr_line(std::string_view text) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLOUT) == 0) return;
  const std::string line = std::string(text) + '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace finack
