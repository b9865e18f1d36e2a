#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "net/address.h"
#include "net/conformance.h"
#include "net/listener.h"

namespace finack::net::testing {
namespace {

class Accepted final : public AcceptObserver {
 public:
  void on_accept(Fd fd, const Address& peer) override {
    fds.push_back(std::move(fd));
    peers.push_back(peer);
    if (when_accepted) when_accepted();
  }
  void on_accept_aborted(int error) override { aborted.push_back(error); }
  void on_accept_shed(int error, const Address& peer) override {
    shed.push_back(error);
    peers.push_back(peer);
  }
  void on_drained() override { drained = true; }

  std::vector<Fd> fds;
  std::vector<Address> peers;
  std::vector<int> aborted;
  std::vector<int> shed;
  bool drained = false;
  std::function<void()> when_accepted;
};

class ListenerConformance : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (IsSkipped()) return;
    listen_anew();
  }
  void TearDown() override { listener.reset(); }

  void listen_anew() {
    auto bound = ListenSockets::bind("127.0.0.1:0", 1, {});
    ASSERT_TRUE(bound) << bound.error().what;
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(bound->local().port);
    listener = Listener::create(*loop, bound->take(0), bound->shared(), seen);
  }
  void dial(const Fd& fd) {
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  sockaddr_in address;
  Accepted seen;
  std::unique_ptr<Listener> listener;
};
FINACK_BOTH_BACKENDS(ListenerConformance);

TEST_P(ListenerConformance, TellsEveryPeerItsOwnAddress) {
  std::vector<Fd> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect_to(address));
  ASSERT_TRUE(run_until([&] { return seen.fds.size() == 100; }));
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(seen.peers[i], peer_address(seen.fds[i].get()));
    EXPECT_NE(seen.peers[i].port, 0);
  }
}

TEST_P(ListenerConformance, ABacklogIsTakenInFewTurns) {
  std::vector<Fd> clients;
  for (int i = 0; i < 120; ++i) clients.push_back(connect_to(address));
  const std::uint64_t before = loop->turns();
  ASSERT_TRUE(run_until([&] { return seen.fds.size() == 120; }));
  EXPECT_LE(loop->turns() - before, 20u);  // a burst that does not grow would take one each
}

TEST_P(ListenerConformance, DrainingResetsNobodyOfTheBacklog) {
  std::vector<Fd> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(connect_to(address));
    write_all(clients.back().get(), "hello");
  }
  listener->drain(10ms, true);
  // A new SYN is dropped, not answered with a RST.
  const Fd late = connect_to(address, SOCK_NONBLOCK);
  ASSERT_TRUE(run_until([&] { return seen.drained; }));
  EXPECT_EQ(seen.fds.size(), 200u);
  for (const Fd& fd : seen.fds) {
    char got[8];
    EXPECT_EQ(::recv(fd.get(), got, sizeof got, MSG_DONTWAIT), 5);
  }
  for (const Fd& client : clients) EXPECT_EQ(take_socket_error(client.get()), 0);
  const Fd refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(refused.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

/// Connects again and again from a thread of its own, and never waits for an answer.
class Crowd {
 public:
  explicit Crowd(const sockaddr_in& address) : thread_([this, address] { run(address); }) {}
  ~Crowd() { finish(); }
  void finish() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::size_t tried() const { return tried_; }
  /// After finish(): the clients whose handshake was completed, also those reset since.
  std::vector<Fd> connected;

 private:
  static constexpr std::size_t kAtMost = 400;

  void run(sockaddr_in address) {
    while (!stop_ && tried_ < kAtMost) {
      Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int result = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
      ++tried_;
      // On the loopback interface the handshake is over when connect returns, or its SYN was
      // dropped.
      if (result == 0 || tcp_state(fd.get()) == TCP_ESTABLISHED) connected.push_back(std::move(fd));
      std::this_thread::sleep_for(50us);
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> tried_{0};
  std::thread thread_;
};

int option_of(const Fd& fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(fd.get(), level, option, &value, &size);
  return value;
}

TEST_P(ListenerConformance, OtherOptionsHoldForWhatItAcceptsFromThenOn) {
  const struct {
    std::uint32_t keepalive;
    std::uint32_t user_timeout;
  } cases[] = {{.keepalive = 9, .user_timeout = 7000}, {}, {.keepalive = 6, .user_timeout = 500}};
  std::vector<Fd> clients;
  for (const auto& c : cases) {
    ListenerOptions options;
    options.backlog = 0;
    options.tcp_keepalive_s = c.keepalive;
    options.tcp_user_timeout_ms = c.user_timeout;
    listener->set_options(options);
    clients.push_back(connect_to(address));
    ASSERT_TRUE(run_until([&] { return seen.fds.size() == clients.size(); }));
    const Fd& accepted = seen.fds.back();
    EXPECT_EQ(option_of(accepted, SOL_SOCKET, SO_KEEPALIVE), c.keepalive > 0 ? 1 : 0);
    if (c.keepalive > 0) {
      EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_KEEPIDLE), static_cast<int>(c.keepalive));
    }
    EXPECT_EQ(option_of(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), static_cast<int>(c.user_timeout));
  }
}

/// The kernel refuses whom the new queue has no room for.
TEST_P(ListenerConformance, AnotherBacklogHoldsAtOnce) {
  ListenerOptions options;
  options.backlog = 1;
  listener->set_options(options);
  std::vector<Fd> clients;
  std::size_t connected = 0;
  for (int i = 0; i < 40; ++i) {
    Fd& fd = clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    pollfd ready{.fd = fd.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, 20) == 1) ++connected;
    if (connected + 5 < clients.size()) break;
  }
  // io_uring's accepts that stand in the kernel take theirs at once.
  EXPECT_LT(connected, 30U);
}

TEST_P(ListenerConformance, ConnectsThatGoOnDuringADrainAreTakenOrNeverComplete) {
  run_for(5ms);
  Crowd crowd(address);
  ASSERT_TRUE(run_until([&] { return seen.fds.size() >= 20; }));
  // Nobody accepts for a moment: the backlog fills, and the drain begins with it.
  const std::size_t before = crowd.tried();
  while (crowd.tried() < before + 30) std::this_thread::yield();
  listener->drain(10ms, true);
  ASSERT_TRUE(run_until([&] { return seen.drained; }));
  crowd.finish();
  EXPECT_EQ(seen.fds.size(), crowd.connected.size());
  EXPECT_LT(crowd.connected.size(), crowd.tried()) << "the drain refused nobody";
  for (const Fd& client : crowd.connected) {
    EXPECT_EQ(take_socket_error(client.get()), 0);
    EXPECT_EQ(tcp_state(client.get()), TCP_ESTABLISHED);
  }
}

TEST_P(ListenerConformance, LoopsThatShareAPortTakeEachConnectionOnce) {
  constexpr std::uint32_t kLoops = 3;
  constexpr std::size_t kConnects = 300;
  struct Worker {
    std::unique_ptr<Loop> loop;
    Accepted seen;
    std::unique_ptr<Listener> listener;
    std::atomic<std::size_t> accepted{0};
    std::thread thread;
  };
  auto bound = ListenSockets::bind("127.0.0.1:0", kLoops, {});
  ASSERT_TRUE(bound) << bound.error().what;
  EXPECT_FALSE(bound->shared());
  std::array<Worker, kLoops> workers;
  for (std::uint32_t i = 0; i < kLoops; ++i) {
    Worker& worker = workers[i];
    worker.loop = std::move(*Loop::create({.backend = GetParam()}));
    worker.seen.when_accepted = [&worker] { ++worker.accepted; };
    worker.listener = Listener::create(*worker.loop, bound->take(i), false, worker.seen);
    worker.thread = std::thread([&worker] {
      while (!worker.seen.drained) worker.loop->run_once(1s);
    });
  }
  address.sin_port = htons(bound->local().port);
  std::vector<Fd> clients;
  for (std::size_t i = 0; i < kConnects; ++i) clients.push_back(connect_to(address));
  for (Worker& worker : workers) {
    worker.loop->post([&worker] { worker.listener->drain(5ms, true); });
  }
  for (Worker& worker : workers) worker.thread.join();
  std::size_t sum = 0;
  for (Worker& worker : workers) {
    EXPECT_GT(worker.accepted, 0u) << "one loop took nothing";
    EXPECT_EQ(worker.seen.fds.size(), worker.accepted);
    sum += worker.accepted;
    worker.listener.reset();
  }
  EXPECT_EQ(sum, kConnects);
  for (const Fd& client : clients) EXPECT_EQ(take_socket_error(client.get()), 0);
}

TEST_P(ListenerConformance, ASharedSocketIsLetGoUnlessLast) {
  const std::string path = ::testing::TempDir() + "finack-share-" + std::to_string(::getpid());
  auto bound = ListenSockets::bind("unix:" + path, 2, {});
  ASSERT_TRUE(bound) << bound.error().what;
  EXPECT_TRUE(bound->shared());
  Accepted one, two;
  auto first = Listener::create(*loop, bound->take(0), true, one);
  auto second = Listener::create(*loop, bound->take(1), true, two);
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path.c_str(), path.size());
  std::vector<Fd> clients;
  const auto dial = [&] {
    clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&where), sizeof where);
  };
  first->drain(5ms, false);
  ASSERT_TRUE(run_until([&] { return one.drained; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(dial(), 0);
  EXPECT_TRUE(run_until([&] { return one.fds.size() + two.fds.size() == 20; }));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(dial(), 0);
  second->drain(5ms, true);
  EXPECT_EQ(dial(), -1);
  ASSERT_TRUE(run_until([&] { return two.drained; }));
  EXPECT_EQ(one.fds.size() + two.fds.size(), 25u);
  bound->unlink_path();
  struct stat status{};
  EXPECT_NE(::stat(path.c_str(), &status), 0);
}

/// A process with few descriptors, for as long as it lives.
class FewDescriptors {
 public:
  FewDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = std::min<rlim_t>(256, before_.rlim_cur);
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  /// Takes all but `spare`.
  void take_all_but(std::size_t spare) {
    for (int fd = 0; (fd = ::dup(0)) >= 0;) held_.emplace_back(fd);
    release(spare);
  }
  void release(std::size_t count) {
    for (; count > 0 && !held_.empty(); --count) held_.pop_back();
  }

 private:
  rlimit before_{};
  std::vector<Fd> held_;
};

TEST_P(ListenerConformance, OutOfDescriptorsItShedsAndRecoversWithoutSpinning) {
  // An accept that stands in the kernel keeps the limit it was made under: lower it first.
  listener.reset();
  FewDescriptors few;
  listen_anew();
  std::vector<Fd> clients;
  for (int i = 0; i < 9; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  run_for(5ms);
  few.take_all_but(2);
  for (std::size_t i = 0; i < 8; ++i) dial(clients[i]);
  ASSERT_TRUE(run_until([&] { return seen.fds.size() + seen.shed.size() == 8; }));
  EXPECT_EQ(seen.fds.size(), 2u);
  EXPECT_EQ(seen.shed.size(), 6u);
  for (const int error : seen.shed) EXPECT_EQ(error, EMFILE);
  const std::uint64_t before = loop->turns();
  const auto end = std::chrono::steady_clock::now() + 300ms;
  while (std::chrono::steady_clock::now() < end) loop->run_once(300ms);
  EXPECT_LT(loop->turns() - before, 40u) << "spins";
  few.release(4);
  dial(clients[8]);
  EXPECT_TRUE(run_until([&] { return seen.fds.size() == 3; }));
}

TEST_P(ListenerConformance, WithoutItsReserveItBacksOff) {
  listener.reset();
  FewDescriptors few;
  auto bound = ListenSockets::bind("127.0.0.1:0", 1, {});
  ASSERT_TRUE(bound);
  address.sin_port = htons(bound->local().port);
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  run_for(5ms);
  few.take_all_but(0);
  listener = Listener::create(*loop, bound->take(0), false, seen);
  dial(client);
  const std::uint64_t before = loop->turns();
  const auto end = std::chrono::steady_clock::now() + 250ms;
  while (std::chrono::steady_clock::now() < end) loop->run_once(300ms);
  EXPECT_LT(loop->turns() - before, 60u) << "spins";
  EXPECT_TRUE(seen.fds.empty());
  few.release(3);
  EXPECT_TRUE(run_until([&] { return seen.fds.size() == 1; }));
}

TEST_P(ListenerConformance, DestroyingAListenerWithAcceptsUnderWay) {
  run_for(5ms);
  const Fd client = connect_to(address);
  listener.reset();
  run_for(10ms);
  EXPECT_TRUE(seen.fds.empty());
}

TEST_P(ListenerConformance, ItsPortIsFreeAtOnceWhenItIsDestroyed) {
  const Fd client = connect_to(address);
  ASSERT_TRUE(run_until([&] { return seen.fds.size() == 1; }));
  listener.reset();  // and the loop, which still has accepts in the kernel, does not turn again
  const auto again =
      ListenSockets::bind("127.0.0.1:" + std::to_string(ntohs(address.sin_port)), 1, {});
  EXPECT_TRUE(again) << again.error().what;
}

TEST_P(ListenerConformance, ServesWhatItAccepts) {
  std::vector<std::unique_ptr<TcpStream>> streams;
  std::vector<std::unique_ptr<Recorder>> recorders;
  seen.when_accepted = [&] {
    recorders.push_back(std::make_unique<Recorder>());
    streams.push_back(std::make_unique<TcpStream>(*loop, std::move(seen.fds.back())));
    streams.back()->start(*recorders.back());
  };
  std::vector<Fd> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(connect_to(address));
    write_all(clients.back().get(), "ping");
  }
  const auto all = [&](auto what) {
    return run_until(
        [&] { return recorders.size() == 30 && std::ranges::all_of(recorders, what); });
  };
  EXPECT_TRUE(all([](const auto& recorder) { return recorder->bytes == "ping"; }));
  for (auto& stream : streams) stream->close();
  EXPECT_TRUE(all([](const auto& recorder) { return recorder->closed; }));
  seen.when_accepted = nullptr;
}

}  // namespace
}  // namespace finack::net::testing
