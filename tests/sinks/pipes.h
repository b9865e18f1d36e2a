#pragma once
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "finack/base/fd.h"

namespace finack::sinks::test {

/// A pipe that is full and that nobody reads until the test says so.
class FullPipe {
 public:
  static constexpr std::string_view kFilling = "#";

  FullPipe() {
    ::signal(SIGPIPE, SIG_IGN);
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    reader_ = Fd(ends[0]);
    writer_ = Fd(ends[1]);
    fill();
  }
  /// One with a name.
  explicit FullPipe(const std::string& path) {
    if (::mkfifo(path.c_str(), 0600) != 0) return;
    reader_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    writer_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    fill();
  }
  /// Reads what is left, so that no writer stands still in its end.
  ~FullPipe() {
    if (reader_ && !thread_.joinable()) close_reader();
    writer_ = Fd();
    stop_reading();
  }
  FullPipe(const FullPipe&) = delete;
  FullPipe& operator=(const FullPipe&) = delete;

  Fd writer() const { return Fd(::fcntl(writer_.get(), F_DUPFD_CLOEXEC, 3)); }
  void close_reader() { reader_ = Fd(); }
  void start_reading() {
    stopping_.store(false);
    thread_ = std::thread([this] {
      while (read_some() || !stopping_.load()) {
      }
    });
  }
  /// Reads what is there, then no more.
  void stop_reading() {
    stopping_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  /// All that was in the pipe until now; while reading only.
  std::string text() {
    // Whoever takes the mutex while the pipe is empty has seen it all.
    for (;;) {
      const std::lock_guard lock(mutex_);
      pollfd more{reader_.get(), POLLIN, 0};
      if (::poll(&more, 1, 0) == 0) return text_;
    }
  }

 private:
  void fill() {
    ::fcntl(writer_.get(), F_SETFL, O_NONBLOCK);
    const std::string block(4096, kFilling[0]);
    while (::write(writer_.get(), block.data(), block.size()) > 0) {
    }
    ::fcntl(writer_.get(), F_SETFL, 0);
  }
  bool read_some() {
    pollfd more{reader_.get(), POLLIN, 0};
    if (::poll(&more, 1, 20) <= 0) return false;
    const std::lock_guard lock(mutex_);
    char bytes[65536];
    const ssize_t n = ::read(reader_.get(), bytes, sizeof(bytes));
    if (n <= 0) return false;
    text_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  Fd reader_;
  Fd writer_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::string text_;
};

}  // namespace finack::sinks::test
