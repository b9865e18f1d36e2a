// What must not end the gateway's process.
#include "cli/serve_signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace finack::cli {
namespace {

/// The status of a process that gets `signal` once prepared; 7: it lived, and the signal waits.
int status_after(int signal) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int one : {SIGHUP, SIGUSR1, SIGXFSZ}) ::signal(one, SIG_DFL);
    prepare_signals();
    ::raise(signal);
    sigset_t waiting;
    ::sigpending(&waiting);
    ::_exit(::sigismember(&waiting, signal) == 1 ? 7 : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(ServeSignals, OneThatComesEarlyWaits) {
  EXPECT_EQ(status_after(SIGHUP), 7);
  EXPECT_EQ(status_after(SIGUSR1), 7);
}

TEST(ServeSignals, AFileThatMayNotGrowDoesNotEndTheProcess) { EXPECT_EQ(status_after(SIGXFSZ), 0); }

TEST(ServeSignals, AnEarlyStopStops) { EXPECT_EQ(status_after(SIGTERM), -SIGTERM); }

}  // namespace
}  // namespace finack::cli
