#include "e2e/support/demo_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "e2e/support/spawn.h"

namespace finack::e2e {
namespace {

/// In the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(char* const* arguments, int output, std::uint64_t descriptors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  if (descriptors > 0) {
    const rlimit limit{descriptors, descriptors};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

/// The port after `marker` and an address; 0 while it is not there.
std::uint16_t port_after(const std::string& text, std::string_view marker) {
  const std::size_t at = text.find(marker);
  if (at == std::string::npos) return 0;
  const std::size_t line_end = text.find('\n', at);
  if (line_end == std::string::npos) return 0;
  const std::size_t colon = text.find(':', at + marker.size());
  if (colon == std::string::npos || colon > line_end) return 0;
  std::uint16_t port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + line_end, port);
  return port;
}

}  // namespace

std::string read_text_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

DemoServer::DemoServer(const DemoOptions& options, const Deadline& deadline)
    : records_path_(options.directory + "/records"), stderr_path_(options.directory + "/stderr") {
  start(options);
  const bool ready = eventually(deadline, [this] {
    const std::string text = standard_error();
    port_ = port_after(text, "listening on ");
    admin_port_ = port_after(text, "admin on ");
    return (port_ != 0 && admin_port_ != 0) || poll_exit(0);
  });
  if (!ready || exited()) {
    if (!exited()) {
      signal(SIGKILL);
      poll_exit(2000);
    }
    throw Failure(
        fmt::format("the server did not start (status {}): {}", status_, standard_error()));
  }
}

DemoServer::~DemoServer() {
  if (pid_ <= 0 || exited()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
}

void DemoServer::start(const DemoOptions& options) {
  std::vector<std::string> words = {options.program};
  words.insert(words.end(), options.command.begin(), options.command.end());
  const std::vector<std::string> shared = {
      "--admin",   "127.0.0.1:0", "--records", records_path_, "--record-requests", "all",
      "--console", "off",         "--workers", "1",           "--backend",         options.backend};
  words.insert(words.end(), shared.begin(), shared.end());
  words.insert(words.end(), options.flags.begin(), options.flags.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const Fd output(::open(stderr_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output) throw Failure(fmt::format("cannot write {}", stderr_path_));
  pid_ = spawn([&] { become(arguments.data(), output.get(), options.descriptors); });
  if (pid_ < 0) throw Failure(fmt::format("fork: {}", std::strerror(errno)));
  pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) throw Failure(fmt::format("pidfd_open: {}", std::strerror(errno)));
}

std::string DemoServer::standard_error() const { return read_text_file(stderr_path_); }

void DemoServer::signal(int number) {
  if (!exited()) ::kill(pid_, number);
}

bool DemoServer::poll_exit(int timeout_ms) {
  if (exited()) return true;
  pollfd p{pidfd_.get(), POLLIN, 0};
  if (::poll(&p, 1, timeout_ms) <= 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return false;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

int DemoServer::wait_exit(const Deadline& deadline) {
  while (!poll_exit(deadline.poll_timeout())) {
    if (deadline.passed()) throw Failure("the server did not stop in time");
  }
  return status_;
}

}  // namespace finack::e2e
