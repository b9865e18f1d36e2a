#pragma once
#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <mutex>

namespace finack::e2e {

/// A forked child holds a copy of every socket until it becomes its program: while it does, close()
/// ends nothing. So children are made, and sockets closed, one at a time.
inline std::mutex& socket_copies() {
  static std::mutex mutex;
  return mutex;
}

/// Forks; `become` runs in the child and must exec or _exit (async-signal-safe calls only). Returns
/// when it has, or after 5 s. -1: fork failed.
template <class Become>
pid_t spawn(Become become) {
  const std::lock_guard lock(socket_copies());
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    become();
    ::_exit(127);
  }
  ::close(ends[1]);
  pollfd gone{ends[0], POLLIN, 0};
  ::poll(&gone, 1, 5000);
  ::close(ends[0]);
  return pid;
}

}  // namespace finack::e2e
