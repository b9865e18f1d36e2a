#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "e2e/support/bounded.h"
#include "finack/base/fd.h"

namespace finack::e2e {

/// How to start one `finack demo`, or another command that listens.
struct DemoOptions {
  std::string program;             ///< Path of the finack command.
  std::string directory;           ///< For its records and standard error; exists already.
  std::string backend = "epoll";   ///< As --backend takes it.
  std::vector<std::string> flags;  ///< After the usual ones.
  std::uint64_t descriptors = 0;   ///< RLIMIT_NOFILE; 0: as ours.
  /// What begins its command line; the flags that all share follow.
  std::vector<std::string> command = {"demo", "--listen", "127.0.0.1:0"};
};

/// A `finack demo` process of our own, on ports of its own choosing, that never outlives this
/// object. It inherits the network namespace of the thread that starts it. One thread.
class DemoServer {
 public:
  /// Starts it and waits until it listens; throws Failure with its standard error otherwise.
  DemoServer(const DemoOptions& options, const Deadline& deadline);
  ~DemoServer();
  DemoServer(const DemoServer&) = delete;
  DemoServer& operator=(const DemoServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint16_t admin_port() const { return admin_port_; }
  pid_t pid() const { return pid_; }
  const std::string& records_path() const { return records_path_; }

  void signal(int number);
  /// Waits until it has stopped. Its exit status; 128 + the signal that killed it.
  int wait_exit(const Deadline& deadline);
  bool exited() const { return status_ >= 0; }
  std::string standard_error() const;

 private:
  void start(const DemoOptions& options);
  bool poll_exit(int timeout_ms);

  pid_t pid_ = -1;
  Fd pidfd_;
  int status_ = -1;
  std::uint16_t port_ = 0;
  std::uint16_t admin_port_ = 0;
  std::string records_path_;
  std::string stderr_path_;
};

/// The whole of a text file; "" where it does not exist.
std::string read_text_file(const std::string& path);

}  // namespace finack::e2e
