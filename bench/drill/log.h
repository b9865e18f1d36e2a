#pragma once
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace finack::bench {

/// Lines in a file, appended. What was flushed outlives a SIGKILL of this process.
class Log {
 public:
  /// An empty path: nothing is kept.
  explicit Log(const std::string& path) {
    if (path.empty()) return;
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ >= 0) return;
    std::perror(path.c_str());
    std::exit(1);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() { flush(); }

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    if (fd_ < 0) return;
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  void flush() {
    std::size_t done = 0;
    while (done < text_.size()) {
      const ssize_t n = ::write(fd_, text_.data() + done, text_.size() - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    text_.clear();
  }

 private:
  int fd_ = -1;
  std::string text_;
};

}  // namespace finack::bench
