#pragma once
#include <sys/types.h>

#include <functional>

#include "e2e/support/bounded.h"

namespace finack::matrix {

/// Traces the process, calls `trigger`, and makes its next accept() fail with `error` instead of
/// taking the connection, which stays in the backlog. Then lets go. Throws Skipped where tracing is
/// not allowed or not known for this processor, Failure when no accept() came. The process must be
/// a child of the calling thread, and call accept by system call (io_uring does not).
void fail_next_accept(pid_t process, int error, const e2e::Deadline& deadline,
                      const std::function<void()>& trigger);

}  // namespace finack::matrix
