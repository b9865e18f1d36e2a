// What the io_uring listener makes of an accept that fails. On TCP no kernel can be asked for most
// of these errors, so the completion is ours: the accepts are taken back from the kernel, and told
// that they have come to an end. The socket, its backlog and what follows are real.
#include "net/io_uring_listener.h"

#include <cerrno>

#include "net/address.h"
#include "net/conformance.h"

namespace finack::net::testing {
namespace {

class Told final : public AcceptObserver {
 public:
  void on_accept(Fd fd, const Address&) override { fds.push_back(std::move(fd)); }
  void on_accept_aborted(int error) override { aborted.push_back(error); }
  void on_accept_shed(int error, const Address& peer) override {
    shed.push_back(error);
    shed_peers.push_back(peer);
  }
  void on_drained() override {}

  std::vector<Fd> fds;
  std::vector<int> aborted;
  std::vector<int> shed;
  std::vector<Address> shed_peers;
};

class Completed final : public IoUringListener {
 public:
  using IoUringListener::IoUringListener;

  bool accepting() const { return state_ == State::accepting; }
  std::size_t armed() {
    std::size_t count = 0;
    for (const Accept& accept : accepts()) count += accept.armed ? 1 : 0;
    return count;
  }
  /// No accept stands in the kernel any more, and none is made.
  void take_back(const std::function<bool(const std::function<bool()>&)>& run_until) {
    state_ = State::backing_off;
    disarm();
    ASSERT_TRUE(run_until([this] { return idle(); }));
    state_ = State::accepting;
  }
  /// As if the kernel had ended the first of them with -`error`.
  void complete(int error) {
    Accept& accept = accepts()[0];
    accept.armed = true;
    ++accept.all->armed;
    accept.on_complete(-error);
  }
};

class IoUringAccept : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (IsSkipped()) return;
    auto bound = ListenSockets::bind("127.0.0.1:0", 1, {});
    ASSERT_TRUE(bound) << bound.error().what;
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(bound->local().port);
    listener.emplace(static_cast<IoUringLoop&>(*loop), bound->take(0), bound->shared(), seen);
    run_for(5ms);
    listener->take_back([this](const auto& done) { return run_until(done); });
  }
  void TearDown() override { listener.reset(); }

  void expect_served(const Fd& client) {
    EXPECT_TRUE(run_until([&] { return seen.fds.size() == 1; }));
    EXPECT_EQ(take_socket_error(client.get()), 0);
  }
  /// Our FIN, and not a byte.
  void expect_let_go(const Fd& client) {
    char got = 0;
    EXPECT_EQ(::recv(client.get(), &got, 1, 0), 0);
  }

  Told seen;
  sockaddr_in address;
  std::optional<Completed> listener;
};
INSTANTIATE_TEST_SUITE_P(, IoUringAccept, ::testing::Values(Backend::io_uring), backend_name);

TEST_P(IoUringAccept, OneThatWasAbortedIsToldAndMadeAgain) {
  for (const int error : {ECONNABORTED, EPERM, EPROTO}) {
    seen.aborted.clear();
    listener->complete(error);
    EXPECT_EQ(seen.aborted, std::vector<int>{error});
    EXPECT_EQ(listener->armed(), 1u);
    listener->take_back([this](const auto& done) { return run_until(done); });
  }
  listener->complete(ECONNABORTED);
  expect_served(connect_to(address));
  EXPECT_TRUE(seen.shed.empty());
}

TEST_P(IoUringAccept, OneThatWasInterruptedIsMadeAgainAndToldToNobody) {
  listener->complete(EINTR);
  EXPECT_TRUE(seen.aborted.empty());
  EXPECT_EQ(listener->armed(), 1u);
  expect_served(connect_to(address));
}

TEST_P(IoUringAccept, WithoutDescriptorsOrMemoryWhoWaitsIsShedAndTheNextIsServed) {
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS}) {
    seen = {};
    const Fd first = connect_to(address);
    const Fd second = connect_to(address);
    listener->complete(error);
    EXPECT_EQ(seen.shed, (std::vector<int>{error, error}));
    EXPECT_EQ(seen.shed_peers,
              (std::vector<Address>{local_address(first.get()), local_address(second.get())}));
    EXPECT_TRUE(seen.aborted.empty());
    expect_let_go(first);
    expect_let_go(second);
    // Arming at once would spin: an accept that lacks a descriptor fails with nobody waiting too.
    EXPECT_EQ(listener->armed(), 0u);
    EXPECT_FALSE(listener->accepting());
    expect_served(connect_to(address));
    EXPECT_TRUE(listener->accepting());
    listener->take_back([this](const auto& done) { return run_until(done); });
  }
}

TEST_P(IoUringAccept, AnOlderKernelIsAskedOnceMoreAndASocketThatListensNoMoreIsLeftAlone) {
  listener->complete(EINVAL);  // as of a flag that the kernel does not know
  EXPECT_EQ(listener->armed(), 1u);
  listener->take_back([this](const auto& done) { return run_until(done); });
  listener->complete(EINVAL);
  EXPECT_EQ(listener->armed(), 0u);
  EXPECT_TRUE(seen.aborted.empty());
  EXPECT_TRUE(seen.shed.empty());
}

}  // namespace
}  // namespace finack::net::testing
