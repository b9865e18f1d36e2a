#include <fcntl.h>
#include <sys/resource.h>
#include <sys/un.h>

#include <optional>

#include "net/address.h"
#include "net/conformance.h"
#include "net/dial.h"

namespace finack::net::testing {
namespace {

using Log = std::vector<std::string>;

DialTarget target_of(int listener) { return {.address = local_address(listener)}; }

class Dialed final : public DialObserver {
 public:
  void on_dialed(DialResult got) override {
    ++calls;
    result = std::move(got);
  }
  std::optional<DialResult> result;
  int calls = 0;
};

class DialConformance : public Conformance {
 protected:
  DialResult dial(const DialTarget& target, const DialOptions& options = {}) {
    Dialed told;
    Dial dial(*loop, told);
    dial.start(target, options);
    EXPECT_FALSE(told.result.has_value()) << "told from inside start()";
    EXPECT_TRUE(run_until([&] { return told.result.has_value(); }));
    run_for(10ms);
    EXPECT_EQ(told.calls, 1);
    EXPECT_FALSE(dial.active());
    return told.result ? std::move(*told.result) : DialResult{};
  }
};
FINACK_BOTH_BACKENDS(DialConformance);

/// A listener whose backlog is full: further SYNs go unanswered, as into a black hole.
struct FullListener {
  FullListener() : fd(listen_on_loopback(address, 0)) {
    for (int i = 0; i < 3; ++i) filling.push_back(connect_to(address, SOCK_NONBLOCK));
  }
  sockaddr_in address;
  Fd fd;
  std::vector<Fd> filling;
};

TEST_P(DialConformance, AnswersWithAConnectedBlockingSocket) {
  sockaddr_in address;
  const Fd listener = listen_on_loopback(address);
  const DialResult result = dial(target_of(listener.get()));
  ASSERT_TRUE(result) << name(result.error) << result.code;
  EXPECT_GT(result.took, 0ns);
  EXPECT_LT(result.took, 1s);
  EXPECT_EQ(peer_address(result.fd.get()).port, ntohs(address.sin_port));
  EXPECT_EQ(::fcntl(result.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(result.fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ::getsockopt(result.fd.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
  EXPECT_EQ(no_delay, 1);
}

TEST_P(DialConformance, TheStreamIsAsAnAcceptedOne) {
  sockaddr_in address;
  const Fd listener = listen_on_loopback(address);
  DialResult result = dial(target_of(listener.get()));
  Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(peer);
  Connected c(*loop, {.ours = std::move(result.fd), .peer = std::move(peer)});
  c.send("ping");
  run_for(5ms);
  char got[8] = "";
  EXPECT_EQ(::recv(c.peer.get(), got, sizeof got, 0), 4);
  write_all(c.peer.get(), "pong");
  EXPECT_TRUE(run_until([&] { return c.seen.bytes == "pong"; }));
  EXPECT_TRUE(c.stream.tcp_facts().valid);
  ::shutdown(c.peer.get(), SHUT_WR);
  EXPECT_TRUE(run_until([&] { return c.seen.ends.size() == 1; }));
  reset(c.peer);
  EXPECT_TRUE(run_until([&] { return c.seen.ends.size() == 2; }));
  EXPECT_EQ(c.seen.log.back(), "rst");
  EXPECT_EQ(loop->buffers().leased(), 0u);
}

TEST_P(DialConformance, AnUpstreamThatClosesOrResetsAtOnceIsSeenByTheStream) {
  for (const bool with_reset : {false, true}) {
    sockaddr_in address;
    const Fd listener = listen_on_loopback(address);
    DialResult result = dial(target_of(listener.get()));
    ASSERT_TRUE(result);
    Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    with_reset ? reset(peer) : peer.reset();
    Connected c(*loop, {.ours = std::move(result.fd), .peer = Fd()});
    EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
    EXPECT_EQ(c.seen.log, Log{with_reset ? "rst" : "fin"});
  }
}

TEST_P(DialConformance, RefusedIsAValue) {
  sockaddr_in address;
  Fd listener = listen_on_loopback(address);
  const DialTarget target = target_of(listener.get());
  listener.reset();
  const DialResult result = dial(target);
  EXPECT_EQ(result.error, DialError::refused);
  EXPECT_EQ(result.code, ECONNREFUSED);
  EXPECT_FALSE(result.fd);
}

TEST_P(DialConformance, OverIpv6) {
  Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&v6), sizeof v6) != 0) {
    GTEST_SKIP() << "\n*** SKIPPED: no IPv6 on the loopback interface\n";
  }
  ::listen(listener.get(), 8);
  EXPECT_TRUE(dial(target_of(listener.get())));
}

TEST_P(DialConformance, UnixSocketsAndTheirRefusals) {
  const std::string path = "@finack-dial-" + std::to_string(::getpid()) + name(GetParam()).data();
  EXPECT_EQ(dial(DialTarget::unix_socket(path)).error, DialError::refused);
  EXPECT_EQ(dial(DialTarget::unix_socket("/nonexistent/socket")).error, DialError::refused);
  EXPECT_EQ(dial(DialTarget::unix_socket(std::string(200, 'x'))).error, DialError::other);

  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  socklen_t size = 0;
  ASSERT_TRUE(to_sockaddr(DialTarget::unix_socket(path), storage, size));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&storage), size), 0);
  ::listen(listener.get(), 0);
  const DialResult first = dial(DialTarget::unix_socket(path));
  EXPECT_TRUE(first);
  EXPECT_EQ(dial(DialTarget::unix_socket(path)).code, EAGAIN) << "the backlog is full";
}

TEST_P(DialConformance, OurTimerEndsADialIntoABlackHole) {
  const FullListener full;
  const DialResult result = dial(target_of(full.fd.get()), {.timeout = 60ms});
  EXPECT_EQ(result.error, DialError::timed_out);
  EXPECT_EQ(result.code, 0);
  EXPECT_GE(result.took, 60ms);
  EXPECT_LT(result.took, 1s);
}

TEST_P(DialConformance, CancelledOrDestroyedSaysNothingAndCloses) {
  const FullListener full;
  const int next_free = Fd(::dup(full.fd.get())).get();
  Dialed told;
  {
    Dial dial(*loop, told);
    for (int turns : {0, 1}) {  // before and after the kernel got its part
      dial.start(target_of(full.fd.get()), {.timeout = 20ms});
      for (int i = 0; i < turns; ++i) loop->run_once(1ms);
      dial.cancel();
      run_for(40ms);
      EXPECT_FALSE(dial.active());
    }
    dial.start(target_of(full.fd.get()), {});
    loop->run_once(1ms);
  }
  run_for(20ms);
  EXPECT_EQ(told.calls, 0);
  EXPECT_EQ(Fd(::dup(full.fd.get())).get(), next_free) << "a descriptor was left open";
}

TEST_P(DialConformance, AResultThatWaitsIsCancelledToo) {
  Dialed told;
  Dial dial(*loop, told);
  dial.start(DialTarget::unix_socket("/nonexistent/socket"), {});
  dial.cancel();
  run_for(10ms);
  EXPECT_EQ(told.calls, 0);
}

TEST_P(DialConformance, FromABoundAddress) {
  sockaddr_in address;
  const Fd listener = listen_on_loopback(address);
  DialOptions options;
  options.bind = {.family = Address::Family::v4, .port = 0, .bytes = {127, 0, 0, 9}};
  const DialResult result = dial(target_of(listener.get()), options);
  ASSERT_TRUE(result);
  EXPECT_EQ(host_string(local_address(result.fd.get())), "127.0.0.9");
  options.bind.bytes[0] = 192;  // 192.0.0.9 is nobody's
  EXPECT_EQ(dial(target_of(listener.get()), options).error, DialError::no_ports);
}

TEST_P(DialConformance, UnreachableIsAValue) {
  DialTarget target{.address = {.family = Address::Family::v4, .port = 9, .bytes = {127, 0, 0, 1}},
                    .unix_path = {}};
  DialOptions options;
  options.bind = {.family = Address::Family::v4, .port = 0, .bytes = {127, 0, 0, 1}};
  target.address.bytes[0] = 240;  // class E, and from a loopback source: no route either way
  const DialError error = dial(target, options).error;
  // Kernels differ in which of their checks comes first.
  EXPECT_TRUE(error == DialError::unreachable || error == DialError::other) << name(error);
}

TEST_P(DialConformance, OutOfDescriptorsIsAValue) {
  sockaddr_in address;
  const Fd listener = listen_on_loopback(address);
  loop->run_once(0ms);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const DialResult result = dial(target_of(listener.get()));
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(result.error, DialError::descriptors);
  EXPECT_EQ(result.code, EMFILE);
}

TEST(DialErrors, EachErrnoHasItsKind) {
  EXPECT_EQ(dial_error(0), DialError::none);
  EXPECT_EQ(dial_error(EHOSTUNREACH), DialError::unreachable);
  EXPECT_EQ(dial_error(ENETUNREACH), DialError::unreachable);
  EXPECT_EQ(dial_error(ECONNRESET), DialError::reset);
  EXPECT_EQ(dial_error(ETIMEDOUT), DialError::timed_out);
  EXPECT_EQ(dial_error(EADDRNOTAVAIL), DialError::no_ports);
  EXPECT_EQ(dial_error(ENFILE), DialError::descriptors);
  EXPECT_EQ(dial_error(ENOBUFS), DialError::memory);
  EXPECT_EQ(dial_error(EPERM), DialError::denied);
  EXPECT_EQ(dial_error(EINVAL), DialError::other);
  EXPECT_EQ(name(DialError::no_ports), "no_ports");
  EXPECT_EQ(name(DialError::other), "other");
}

/// What a library's socket needs of the loop.
class ReadinessConformance : public Conformance {};
FINACK_BOTH_BACKENDS(ReadinessConformance);

class Told final : public ReadinessObserver {
 public:
  void on_ready(Ready ready) override {
    seen.push_back(ready);
    if (then) then();
  }
  std::vector<Ready> seen;
  std::function<void()> then;
};

TEST_P(ReadinessConformance, TellsOncePerWait) {
  SocketPair pair = tcp_pair();
  Told told;
  const auto readiness = Readiness::create(*loop, pair.ours.get(), told);
  readiness->wait({.read = true});
  run_for(10ms);
  EXPECT_TRUE(told.seen.empty());
  write_all(pair.peer.get(), "x");
  EXPECT_TRUE(run_until([&] { return told.seen.size() == 1; }));
  EXPECT_TRUE(told.seen[0].read);
  EXPECT_FALSE(told.seen[0].write);
  run_for(10ms);
  EXPECT_EQ(told.seen.size(), 1u);
  readiness->wait({.read = true});  // the byte is still there
  EXPECT_TRUE(run_until([&] { return told.seen.size() == 2; }));
}

TEST_P(ReadinessConformance, ANewWaitReplacesTheOld) {
  SocketPair pair = tcp_pair();
  Told told;
  const auto readiness = Readiness::create(*loop, pair.ours.get(), told);
  readiness->wait({.read = true});
  loop->run_once(1ms);
  readiness->wait({.write = true});
  EXPECT_TRUE(run_until([&] { return told.seen.size() == 1; }));
  EXPECT_TRUE(told.seen[0].write);
  write_all(pair.peer.get(), "x");
  run_for(10ms);
  EXPECT_EQ(told.seen.size(), 1u);
}

TEST_P(ReadinessConformance, DestroyedFromInsideAndWhileBothAreReady) {
  SocketPair one = tcp_pair();
  SocketPair two = tcp_pair();
  Told told;
  std::unique_ptr<Readiness> watches[] = {Readiness::create(*loop, one.ours.get(), told),
                                          Readiness::create(*loop, two.ours.get(), told)};
  for (auto& watch : watches) watch->wait({.read = true});
  loop->run_once(1ms);
  told.then = [&] {
    for (auto& watch : watches) watch.reset();
  };
  write_all(one.peer.get(), "x");
  write_all(two.peer.get(), "x");
  EXPECT_TRUE(run_until([&] { return !told.seen.empty(); }));
  run_for(10ms);
  EXPECT_EQ(told.seen.size(), 1u) << "an event of the same turn reached a watch that was gone";
}

}  // namespace
}  // namespace finack::net::testing
