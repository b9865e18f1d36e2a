#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "net/conformance.h"

/// What only the kernel finds: a peer that no longer answers. The peers are real sockets; a filter
/// or a route makes them silent.
namespace finack::net::testing {
namespace {

class KernelTimeouts : public Conformance {};
FINACK_BOTH_BACKENDS(KernelTimeouts);

/// From now on every segment that comes for `fd` is dropped, as if its host had lost power.
void drop_everything(int fd) {
  sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog program{1, code};
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0) << errno;
}

void set_user_timeout(int fd, unsigned milliseconds) {
  ASSERT_EQ(
      ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds), 0);
}

TEST_P(KernelTimeouts, UnansweredBytesEndInTimedOut) {
  for (const bool paused : {false, true}) {
    Connected c(*loop, tcp_pair());
    set_user_timeout(c.stream.fd(), 250);
    run_for(5ms);
    if (paused) c.stream.pause_reading();
    drop_everything(c.peer.get());
    c.send("is anybody there?");
    run_for(20ms);
    EXPECT_TRUE(c.seen.ends.empty());
    EXPECT_EQ(c.stream.unacknowledged(), 17u);
    EXPECT_GT(c.stream.tcp_facts().unacked_segments, 0u);
    ASSERT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s)) << paused;
    EXPECT_EQ(c.seen.ends[0].kind, EndKind::timed_out) << Recorder::word(c.seen.ends[0].kind);
    EXPECT_EQ(c.seen.ends[0].error, ETIMEDOUT);
    EXPECT_EQ(c.stream.unacknowledged(), 17u) << "known after the end too";
    run_for(20ms);
    EXPECT_EQ(c.seen.ends.size(), 1u);
    EXPECT_EQ(c.send("late").kind, SendResult::Kind::failed);
  }
}

TEST_P(KernelTimeouts, OurUnansweredFinEndsInTimedOut) {
  Connected c(*loop, tcp_pair());
  set_user_timeout(c.stream.fd(), 250);
  run_for(5ms);
  drop_everything(c.peer.get());
  c.stream.shutdown_write();
  ASSERT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s));
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::timed_out) << Recorder::word(c.seen.ends[0].kind);
}

TEST_P(KernelTimeouts, AFullWindowAndASilentPeerEndInTimedOut) {
  Connected c(*loop, tcp_pair(4096));
  set_user_timeout(c.stream.fd(), 250);
  run_for(5ms);
  const std::string big(8'000'000, 'z');
  c.send(big);  // short, or pending until the end
  run_for(20ms);
  drop_everything(c.peer.get());
  const auto failed = [&] {
    return !c.seen.ends.empty() || (!c.seen.sent.empty() &&
                                    c.seen.sent.back().kind == SendResult::Kind::failed);
  };
  ASSERT_TRUE(run_until(failed, 10s));
  const StreamEnd end = c.seen.ends.empty() ? c.seen.sent.back().end : c.seen.ends[0];
  EXPECT_EQ(end.kind, EndKind::timed_out) << Recorder::word(end.kind);
}

TEST_P(KernelTimeouts, KeepAliveFindsASilentIdlePeer) {
  Connected c(*loop, tcp_pair());
  const int on = 1;
  ::setsockopt(c.stream.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  for (const int option : {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT}) {
    ::setsockopt(c.stream.fd(), IPPROTO_TCP, option, &on, sizeof on);
  }
  run_for(5ms);
  drop_everything(c.peer.get());
  ASSERT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s));
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::timed_out) << Recorder::word(c.seen.ends[0].kind);
}

/// A network namespace for the calling thread, with an address of its own on the loopback, and all
/// of it reachable until block(). Says why not in `refused`.
class OwnNetwork {
 public:
  OwnNetwork() {
    if (::unshare(CLONE_NEWNET) != 0) {
      refused = std::strerror(errno);
      return;
    }
    // The rule for local addresses comes first of all: it must make room for block().
    if (!ip("link set lo up") || !ip("addr add 10.77.0.2/32 dev lo") ||
        !ip("rule add pref 10 lookup local") || !ip("rule del pref 0")) {
      refused = "the `ip` command cannot set it up";
    }
  }
  bool block() { return ip("rule add pref 5 to 10.77.0.2 type unreachable"); }

  std::string refused;

 private:
  static bool ip(const std::string& what) {
    return std::system(("ip " + what + " >/dev/null 2>&1").c_str()) == 0;
  }
};

SocketPair pair_in_own_network() {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, "10.77.0.2", &address.sin_addr);
  socklen_t size = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listener.get(), name, size), 0) << errno;
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), name, &size);
  SocketPair pair;
  pair.peer = connect_to(address);
  pair.ours = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return pair;
}

TEST_P(KernelTimeouts, NoRouteToThePeerEndsInUnreachable) {
  std::string refused;
  // The namespace is the thread's, and ends with it.
  std::thread elsewhere([&] {
    OwnNetwork network;
    refused = network.refused;
    if (!refused.empty()) return;
    Connected c(*loop, pair_in_own_network());
    set_user_timeout(c.stream.fd(), 250);
    run_for(5ms);
    if (!network.block()) {
      refused = "the `ip` command cannot block the peer";
      return;
    }
    c.send("is there a way?");
    EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s));
    EXPECT_EQ(c.seen.last_end().kind, EndKind::unreachable)
        << Recorder::word(c.seen.last_end().kind) << ' ' << c.seen.last_end().error;
  });
  elsewhere.join();
  if (!refused.empty()) {
    GTEST_SKIP() << "\n*** SKIPPED: no network namespace here: " << refused
                 << "\n*** `unreachable` was NOT tested.\n";
  }
}

}  // namespace
}  // namespace finack::net::testing
