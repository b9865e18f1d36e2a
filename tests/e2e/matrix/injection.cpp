#include "e2e/matrix/injection.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <vector>

#include "e2e/matrix/stage.h"

namespace finack::matrix {

#if defined(__x86_64__)

namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

/// The threads of one process under our eyes; lets all go at the end.
class Tracer {
 public:
  Tracer(pid_t process, const Deadline& deadline) : deadline_(deadline) {
    const std::string tasks = fmt::format("/proc/{}/task", process);
    for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
      const std::string name = entry.path().filename().string();
      pid_t thread = 0;
      std::from_chars(name.data(), name.data() + name.size(), thread);
      seize(thread);
    }
  }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  ~Tracer() {
    for (const pid_t thread : threads_) ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    while (!threads_.empty() && !deadline_.passed()) {
      const pid_t thread = next_stop();
      if (thread == 0) break;
      ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
      std::erase(threads_, thread);
    }
  }

  /// The next thread that stands still; 0 when none does before the deadline.
  pid_t next_stop() {
    pid_t thread = 0;
    e2e::eventually(deadline_, [&] {
      thread = ::waitpid(-1, &status_, __WALL | __WNOTHREAD | WNOHANG);
      return thread > 0;
    });
    return std::max(thread, 0);
  }
  bool at_syscall() const { return WIFSTOPPED(status_) && WSTOPSIG(status_) == kSyscallStop; }
  static void go_on(pid_t thread) { ::ptrace(PTRACE_SYSCALL, thread, nullptr, nullptr); }

 private:
  void seize(pid_t thread) {
    void* const options = reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD);
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, options) != 0) {
      throw Skipped(fmt::format("tracing is refused here: {}", std::strerror(errno)));
    }
    threads_.push_back(thread);
    ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
  }

  Deadline deadline_;
  std::vector<pid_t> threads_;
  int status_ = 0;
};

bool is_accept(const user_regs_struct& registers) {
  return registers.orig_rax == SYS_accept4 || registers.orig_rax == SYS_accept;
}

}  // namespace

void fail_next_accept(pid_t process, int error, const e2e::Deadline& deadline,
                      const std::function<void()>& trigger) {
  Tracer tracer(process, deadline.within(Millis(5000)));
  trigger();
  pid_t failing = 0;
  while (const pid_t thread = tracer.next_stop()) {
    user_regs_struct registers{};
    if (tracer.at_syscall() && ::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) == 0) {
      if (thread == failing) {
        registers.rax = static_cast<unsigned long long>(-static_cast<long long>(error));
        ::ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
        Tracer::go_on(thread);
        return;
      }
      // rax is -ENOSYS on the way in only.
      if (failing == 0 && is_accept(registers) &&
          static_cast<long long>(registers.rax) == -ENOSYS) {
        registers.orig_rax = static_cast<unsigned long long>(-1);
        ::ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
        failing = thread;
      }
    }
    Tracer::go_on(thread);
  }
  throw Failure("the server called no accept()");
}

#else

void fail_next_accept(pid_t, int, const e2e::Deadline&, const std::function<void()>&) {
  throw Skipped("making a system call fail is only known for x86-64 here");
}

#endif

}  // namespace finack::matrix
