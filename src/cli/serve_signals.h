#pragma once

namespace finack::cli {

/// What must not end the process before, or while, it serves: a SIGHUP or SIGUSR1 that comes early
/// waits until signals are taken; a file that may not grow is an error of its write (SIGXFSZ), not
/// the process's end. On the first thread, before any other is started.
void prepare_signals();

}  // namespace finack::cli
