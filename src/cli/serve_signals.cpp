#include "cli/serve_signals.h"

#include <signal.h>

namespace finack::cli {

void prepare_signals() {
  ::signal(SIGXFSZ, SIG_IGN);
  sigset_t later;
  ::sigemptyset(&later);
  for (const int signal : {SIGHUP, SIGUSR1}) ::sigaddset(&later, signal);
  ::pthread_sigmask(SIG_BLOCK, &later, nullptr);
}

}  // namespace finack::cli
