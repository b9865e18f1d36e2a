// Pools that learn how long their servers keep idle connections, against servers that close by the
// clock. Time is injected: the clock jumps from event to event.
#include <gtest/gtest.h>

#include <random>

#include "client/client_test.h"

namespace finack::client::tests {
namespace {

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr Nanos kJitter = 200ms;
/// As though the server were so far away.
constexpr Nanos kRtt = 100ms;
/// So long before the server may close no request may be sent.
constexpr Nanos kGuard = 2 * kRtt + 100ms;

/// A server that says nothing of its limit, closes what is idle for it, give or take the jitter,
/// and is asked after gaps around it; and a pool of its own over the rig's loop.
class TimedServer {
 public:
  TimedServer(ClientRig& rig, const char* name, Nanos limit, unsigned seed)
      : rig_(rig), limit_(limit), random_(seed) {
    sockaddr_in address{};
    listener_ = net::testing::listen_on_loopback(address);
    ::fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
    const net::DialTarget at{.address = {.family = Address::Family::v4,
                                         .port = ntohs(address.sin_port),
                                         .bytes = {127, 0, 0, 1}}};
    server_ =
        std::make_shared<UpstreamServer>(name, UpstreamTarget(at), HealthRules{}, quota_, 60s);
    pool_.emplace(Pool::Options{.loop = rig.loop.get(),
                                .ledger = &*rig.ledger,
                                .ids = &ids_,
                                .server = server_,
                                .rules = {},
                                .timeouts = {},
                                .limits = {}});
    next_ask_ = now();
  }
  ~TimedServer() {
    pool_->cut(record::Cause::operator_shutdown);
    EXPECT_TRUE(rig_.until([this] { return pool_->empty(); }));
  }

  void set_limit(Nanos limit) { limit_ = limit; }
  void forget_what_was_seen() {
    nearest = Nanos::max();
    oldest_use = Nanos{0};
    asked = 0;
  }
  /// The next thing that the clock has to stop for: a close, or a request.
  Instant next() const {
    Instant soonest = next_ask_;
    for (const Peer& peer : peers_)
      if (peer.idle()) soonest = std::min(soonest, peer.close_at);
    return soonest;
  }
  /// Closes what is due, then asks if that is due.
  void act() {
    serve();
    if (now() < next_ask_) return;
    Asker asker(*rig_.loop, *rig_.ledger);
    asker.attempt.begin(*pool_, {});
    for (int turn = 0; turn < 100'000 && !asker.done(); ++turn) {
      rig_.turn(0ms);
      serve();
    }
    ASSERT_TRUE(asker.done());
    ASSERT_FALSE(asker.failed) << "a request met a close";
    ++asked;
    next_ask_ = now() + limit_ * std::uniform_int_distribution<int>(200, 1300)(random_) / 1000;
  }

  Nanos learned() const { return server_->keep_alive.limit(); }

  int closes = 0;  ///< Of idle connections, by this server.
  int asked = 0;
  Nanos nearest = Nanos::max();  ///< From a request to the earliest close that was possible.
  Nanos oldest_use{0};           ///< How long a connection had been idle that got a request.

 private:
  struct Peer {
    std::unique_ptr<Client> socket;
    Instant since{};  ///< Idle; at first there was no request yet.
    Instant close_at{};
    Nanos limit{0};
    bool idle() const { return socket->fd() >= 0 && since != Instant{}; }
  };

  Instant now() const { return rig_.clock().now(); }
  void serve() {
    server_->rtt.store(kRtt.count());
    for (;;) {
      Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) break;
      peers_.push_back({.socket = std::make_unique<Client>(std::move(fd))});
    }
    for (Peer& peer : peers_) serve(peer);
    std::erase_if(peers_, [](const Peer& peer) { return peer.socket->fd() < 0; });
  }
  void serve(Peer& peer) {
    peer.socket->pump();
    if (peer.socket->received.find("\r\n\r\n") != std::string::npos) {
      if (peer.idle()) note_use(peer);
      peer.socket->received.clear();
      peer.socket->send(kOk);
      peer.socket->pump();
      std::uniform_int_distribution<Nanos::rep> jitter(-kJitter.count(), kJitter.count());
      peer.since = now();
      peer.limit = limit_;
      peer.close_at = now() + limit_ + Nanos(jitter(random_));
    } else if (peer.socket->gone()) {
      peer.socket->close();
    } else if (peer.idle() && now() >= peer.close_at) {
      peer.socket->close();
      ++closes;
    }
  }
  void note_use(const Peer& peer) {
    nearest = std::min(nearest, peer.since + peer.limit - kJitter - now());
    oldest_use = std::max(oldest_use, now() - peer.since);
  }

  ClientRig& rig_;
  Nanos limit_;
  std::mt19937_64 random_;
  Fd listener_;
  std::vector<Peer> peers_;
  record::ConnectionIds ids_{.boot = 2, .worker = 0};
  std::shared_ptr<EjectionQuota> quota_ = std::make_shared<EjectionQuota>(1, 50);
  std::shared_ptr<UpstreamServer> server_;
  std::optional<Pool> pool_;
  Instant next_ask_;
};

class LearnedPoolTest : public ClientTest {
 protected:
  /// Lets time pass until `done`, from event to event of the servers.
  void pass(std::vector<TimedServer*> servers, const std::function<bool()>& done) {
    for (int events = 0; !done(); ++events) {
      ASSERT_LT(events, 5000) << "nothing is closed, or nothing learned";
      const Instant next = std::ranges::min(servers, {}, &TimedServer::next)->next();
      rig().clock().advance(std::max(next - rig().clock().now(), Nanos{0}));
      // What the pools do by the clock they do first, as they would have done before.
      rig().turn(0ms);
      rig().turn(0ms);
      for (TimedServer* server : servers) {
        server->act();
        if (HasFatalFailure()) return;
      }
      // And what the servers did they see before it is later.
      rig().turn(0ms);
      rig().turn(0ms);
    }
  }
};

// An upstream that sends no header and closes at 3 s ± 0.2 s: after 20 observed closes no request
// is sent on a connection within 2 RTT + 100 ms of that limit; when it is reconfigured to 10 s the
// pool follows within 50 closes; learned per server.
TEST_P(LearnedPoolTest, follows_limits_that_nobody_advertises) {
  for (const unsigned seed : {1U, 2U, 3U, 4U, 5U}) {
    SCOPED_TRACE(seed);
    DIALING();
    TimedServer server(rig(), "a", 3s, seed);
    TimedServer other(rig(), "b", 5s, seed + 100);
    const auto both = [&](int n) {
      return [&, n] { return server.asked >= n && other.asked >= n; };
    };

    pass({&server, &other}, [&] { return server.closes >= 20 && other.closes >= 20; });
    server.forget_what_was_seen();
    other.forget_what_was_seen();
    pass({&server, &other}, both(150));
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_GE(server.nearest, kGuard);
    EXPECT_GE(other.nearest, kGuard);
    EXPECT_GE(server.oldest_use, 2s) << "and it is used as long as it may be";
    EXPECT_GE(other.oldest_use, 4s);

    server.set_limit(10s);
    const int before = server.closes;
    pass({&server, &other}, [&] { return server.closes == before + 50 || server.learned() >= 9s; });
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_GE(server.learned(), 9s) << "after " << server.closes - before << " closes";
    EXPECT_LE(other.learned(), 5s) << "what one server does is nothing of another";
    server.forget_what_was_seen();
    pass({&server, &other}, both(150));
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_GE(server.nearest, kGuard);
    EXPECT_GE(server.oldest_use, 8s) << "it is used for longer now";
    EXPECT_GE(other.nearest, kGuard);
  }
}

INSTANTIATE_TEST_SUITE_P(, LearnedPoolTest,
                         ::testing::Values(net::Backend::epoll, net::Backend::io_uring),
                         finack::tests::backend_name);

}  // namespace
}  // namespace finack::client::tests
