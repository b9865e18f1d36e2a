// A handler of the worker's own, with connections of its own, and listeners with settings of
// theirs.
#include "server/worker_handler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/server.h"
#include "support/ask_once.h"
#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// What a test sees of a handler, also when that is gone.
struct Seen {
  server::Seat seat;
  std::vector<Cause> closed;
  std::vector<Cause> cut;
  int open = 0;          ///< Its own "connections".
  bool ignores = false;  ///< Does not end them when cut.
  bool destroyed = false;
};

/// Has connections that are busy until the test, or a cut, ends them.
class Owner final : public server::WorkerHandler {
 public:
  explicit Owner(Seen& seen) : seen_(seen) {}
  ~Owner() override { seen_.destroyed = true; }

  void handle(http::Exchange& x) override { answer(x, "own"); }
  void close(Cause cause) override { seen_.closed.push_back(cause); }
  void cut(Cause cause) override {
    seen_.cut.push_back(cause);
    if (!seen_.ignores) end_all();
  }
  bool empty() const override { return seen_.open == 0; }

 private:
  void end_all() {
    if (std::exchange(seen_.open, 0) > 0) seen_.seat.emptied();
  }
  Seen& seen_;
};

server::MakeHandler owner(Seen& seen) {
  return [&seen](const server::Seat& seat) -> Expected<std::unique_ptr<server::WorkerHandler>> {
    seen.seat = seat;
    return std::make_unique<Owner>(seen);
  };
}

class WorkerHandlerTest : public ServerTest {
 protected:
  ~WorkerHandlerTest() override { rig_.reset(); }  // whose handler looks at what is seen
  void serve_own(const server::Settings& settings = {}, bool real_time = false) {
    serve({}, settings, real_time, owner(seen_));
  }
  Seen seen_;
};
FINACK_SERVER_SUITE(WorkerHandlerTest);

TEST_P(WorkerHandlerTest, answers_and_stands_on_its_worker) {
  serve_own();
  if (IsSkipped()) return;
  EXPECT_EQ(rig().ask(rig().connect(), kGet).body, "own");
  EXPECT_EQ(seen_.seat.loop, &rig().worker().loop());
  EXPECT_EQ(seen_.seat.ledger, &rig().worker().ledger());
  EXPECT_EQ(seen_.seat.ids, &rig().worker().ids());
  EXPECT_EQ(seen_.seat.worker, rig().worker().index());
  EXPECT_EQ(seen_.seat.workers, 1U);
  ASSERT_NE(seen_.seat.health_ledger, nullptr);
  EXPECT_EQ(&seen_.seat.health_ledger->counters(), rig().worker().health_counters());
  rig_.reset();
  EXPECT_TRUE(seen_.destroyed);
}

TEST_P(WorkerHandlerTest, shows_and_kills_its_clients) {
  serve_own();
  if (IsSkipped()) return;
  const auto live = [this] {
    record::LivePage page({});
    seen_.seat.list_clients(page);
    return page.take();
  };
  Client& one = rig().connect();
  EXPECT_EQ(rig().ask(one, kGet).body, "own");
  Client& other = rig().connect();
  EXPECT_EQ(rig().ask(other, kGet).body, "own");
  ASSERT_TRUE(
      rig().until([&] { return live().size() == 2 && live()[0].phase == record::Phase::idle; }));
  const record::LiveConnection first = live()[0];
  EXPECT_EQ(first.role, record::Role::server);
  EXPECT_EQ(first.requests, 1U);
  EXPECT_EQ(first.bytes_in, kGet.size());
  EXPECT_GT(first.bytes_out, 0U);
  EXPECT_EQ(first.peer.family, Address::Family::v4);
  EXPECT_FALSE(first.listener.empty());
  EXPECT_EQ(first.route, "");
  record::ConnectionId no_such = first.id;
  no_such.sequence = 99;
  EXPECT_FALSE(seen_.seat.kill_client(no_such));
  no_such = {.boot = first.id.boot, .worker = first.id.worker + 1, .sequence = first.id.sequence};
  EXPECT_FALSE(seen_.seat.kill_client(no_such));
  EXPECT_TRUE(seen_.seat.kill_client(first.id));
  EXPECT_FALSE(seen_.seat.kill_client(first.id)) << "it has ended";
  EXPECT_EQ(live().size(), 1U);
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 1 && one.was_reset; }));
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::operator_killed);
  EXPECT_EQ(rig().connections[0].ending.how, record::How::rst);
  EXPECT_FALSE(other.gone());
}

TEST_P(WorkerHandlerTest, a_killed_client_s_request_is_told) {
  std::optional<http::Departure> left;
  http::RouteLabel label{.pattern = "/slow"};
  serve([&](http::Exchange& x) {
    x.set_route(label);
    x.sleep(1h, [&] {
      left = x.left();
      x.abort(left->cause);
    });
  });
  if (IsSkipped()) return;
  rig().connect().send(kGet);
  record::ConnectionId id;
  ASSERT_TRUE(rig().until([&] {
    record::LivePage page({});
    rig().worker().list(page);
    for (const record::LiveConnection& one : page.take())
      if (one.route == "/slow") id = one.id;
    return id.sequence != 0;
  }));
  EXPECT_TRUE(rig().worker().kill(id));
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 1; }));
  EXPECT_EQ(left->cause, Cause::operator_killed);
  EXPECT_EQ(rig().requests[0].ending.cause, Cause::operator_killed);
}

/// Runs a worker on a thread of its own, as a server does.
class Running {
 public:
  explicit Running(ServerRig& rig) : rig_(rig), thread_([&rig] { rig.worker().run(); }) {}
  ~Running() { rig_.worker().force(); }
  bool ends(Nanos limit = 3s) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!rig_.worker().finished() && std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(1ms);
    return rig_.worker().finished();
  }
  void on_loop(std::function<void()> fn) { rig_.worker().post(std::move(fn)); }

 private:
  ServerRig& rig_;
  std::jthread thread_;
};

TEST_P(WorkerHandlerTest, a_drain_waits_for_its_connections) {
  serve_own({}, true);
  if (IsSkipped()) return;
  seen_.open = 1;
  Running running(rig());
  rig().worker().drain();
  EXPECT_FALSE(running.ends(150ms)) << "the handler still had a connection";
  running.on_loop([this] {
    seen_.open = 0;
    seen_.seat.emptied();
  });
  EXPECT_TRUE(running.ends());
  EXPECT_EQ(seen_.closed, std::vector{Cause::operator_shutdown});
  EXPECT_TRUE(seen_.cut.empty());
  EXPECT_EQ(rig().worker().stuck_handlers(), 0U);
}

TEST_P(WorkerHandlerTest, the_drain_s_end_cuts_them) {
  server::Settings settings;
  settings.timeouts.drain = 100ms;
  serve_own(settings, true);
  if (IsSkipped()) return;
  seen_.open = 2;
  Running running(rig());
  rig().worker().drain();
  EXPECT_TRUE(running.ends());
  EXPECT_EQ(seen_.closed, std::vector{Cause::operator_shutdown});
  ASSERT_FALSE(seen_.cut.empty());
  EXPECT_EQ(seen_.cut.front(), Cause::timeout_drain);
}

TEST_P(WorkerHandlerTest, force_cuts_them_at_once) {
  serve_own({}, true);
  if (IsSkipped()) return;
  seen_.open = 1;
  Running running(rig());
  rig().worker().force();
  EXPECT_TRUE(running.ends());
  ASSERT_FALSE(seen_.cut.empty());
  EXPECT_EQ(seen_.cut.front(), Cause::operator_shutdown_forced);
}

/// It would be waited for forever, and nothing can end it from outside: the process has to know.
TEST_P(WorkerHandlerTest, one_that_ignores_the_cut_counts_as_stuck) {
  serve_own({}, true);
  if (IsSkipped()) return;
  seen_.open = 1;
  seen_.ignores = true;
  Running running(rig());
  rig().worker().force();
  EXPECT_FALSE(running.ends(200ms)) << "it gets a moment";
  EXPECT_TRUE(running.ends());
  EXPECT_EQ(rig().worker().stuck_handlers(), 1U);
}

TEST_P(WorkerHandlerTest, each_worker_of_a_server_has_its_own) {
  std::vector<Seen> seen(2);
  std::size_t made = 0;
  server::Server::Options options;
  options.listen = {"127.0.0.1:0"};
  options.workers = 2;
  options.backend = GetParam();
  auto server = server::Server::create(
      std::move(options), [&](const server::Seat& seat) { return owner(seen.at(made++))(seat); });
  if (!server && GetParam() == net::Backend::io_uring)
    GTEST_SKIP() << "\n*** SKIPPED: io_uring is refused on this host: " << server.error().what
                 << "\n*** Its backend was NOT tested.\n";
  ASSERT_TRUE(server) << server.error().what;
  EXPECT_NE(seen[0].seat.loop, seen[1].seat.loop);
  EXPECT_EQ(seen[0].seat.worker + 1, seen[1].seat.worker);
  (*server)->start();
  const std::string address = (*server)->addresses().at(0);
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  EXPECT_TRUE(ask_once(port, "/").ends_with("own"));
  (*server)->drain();
  EXPECT_EQ((*server)->join(), 0U);
  for (const Seen& one : seen) EXPECT_EQ(one.closed, std::vector{Cause::operator_shutdown});
}

TEST_P(WorkerHandlerTest, a_handler_that_cannot_be_made_is_an_error) {
  server::Server::Options options;
  options.listen = {"127.0.0.1:0"};
  options.backend = net::Backend::epoll;
  const auto server = server::Server::create(
      std::move(options),
      [](const server::Seat&) -> Expected<std::unique_ptr<server::WorkerHandler>> {
        return std::unexpected(Error{.what = "no resolver", .side = Side::local});
      });
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().what, "no resolver");
}

// ---- Listeners ----------------------------------------------------------------------------------

class ListenerTest : public ServerTest {};
FINACK_SERVER_SUITE(ListenerTest);

void answer_x(http::Exchange& x) { answer(x, "x"); }

TEST_P(ListenerTest, a_connection_lives_by_its_listener_s_settings) {
  server::Settings slow;
  slow.timeouts.idle = 30s;
  slow.server_header = "slow";
  SERVE(answer_x, slow);
  server::Settings quick;
  quick.timeouts.idle = 3s;
  quick.timeouts.idle_margin = 0s;
  quick.server_header = "quick";
  quick.limits.head_bytes = 200;
  const std::uint16_t port = rig().listen(quick, "edge");
  Client& one = rig().connect();
  Client& other = rig().connect(0, port);
  const Response from_slow = rig().ask(one, kGet);
  EXPECT_EQ(from_slow.header("Keep-Alive"), "timeout=30");
  EXPECT_EQ(from_slow.header("Server"), "slow");
  const Response from_quick = rig().ask(other, kGet);
  EXPECT_EQ(from_quick.header("Keep-Alive"), "timeout=3");
  EXPECT_EQ(from_quick.header("Server"), "quick");
  rig().advance(5s);
  ASSERT_TRUE(rig().until([&] { return other.at_end; }));
  EXPECT_FALSE(one.gone());
  other.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::timeout_idle);
  EXPECT_EQ(rig().connections[0].listener, "edge");
  const std::string big = "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(300, 'x') + "\r\n\r\n";
  EXPECT_EQ(rig().ask(rig().connect(0, port), big).status, 431);
  EXPECT_EQ(rig().ask(rig().connect(), big).status, 200);
}

/// The exchange of one listener's connection serves the other's next.
TEST_P(ListenerTest, an_exchange_forgets_the_listener_before) {
  server::Settings narrow;
  narrow.limits.requests_per_connection = 1;
  SERVE(answer_x, narrow);
  const std::uint16_t port = rig().listen({}, "wide");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rig().ask(rig().connect(), kGet).header("Connection"), "close");
    EXPECT_EQ(rig().ask(rig().connect(0, port), kGet).header("Connection"), "keep-alive");
  }
}

TEST_P(ListenerTest, each_has_its_own_limits) {
  server::Settings one;
  one.limits.connections = 1;
  SERVE(answer_x, one);
  server::Settings other;
  other.limits.connections = 2;
  const std::uint16_t port = rig().listen(other, "other");
  Client& kept = rig().connect(0, port);
  EXPECT_EQ(rig().ask(kept, kGet).status, 200);
  Client& first = rig().connect();
  EXPECT_EQ(rig().ask(first, kGet).status, 200);
  rig().advance(1s);
  // The idle one that makes room is one of the same listener, though another has been idle longer.
  EXPECT_EQ(rig().ask(rig().connect(), kGet).status, 200);
  EXPECT_TRUE(rig().until([&] { return first.gone(); }));
  rig().settle(5);
  EXPECT_FALSE(kept.gone());
  EXPECT_EQ(rig().ask(rig().connect(0, port), kGet).status, 200);
}

TEST_P(ListenerTest, each_has_its_own_time_to_drain) {
  std::vector<http::Exchange*> waiting;
  server::Settings patient;
  patient.timeouts.drain = 60s;
  SERVE([&](http::Exchange& x) { waiting.push_back(&x); }, patient);
  server::Settings hasty;
  hasty.timeouts.drain = 5s;
  const std::uint16_t port = rig().listen(hasty, "hasty");
  Client& stays = rig().connect();
  Client& goes = rig().connect(0, port);
  stays.send(kGet);
  goes.send(kGet);
  ASSERT_TRUE(rig().until([&] { return waiting.size() == 2; }));
  rig().worker().drain();
  rig().advance(6s);
  ASSERT_TRUE(rig().until([&] { return goes.was_reset; }));
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::timeout_drain);
  EXPECT_EQ(rig().connections[0].ending.evidence.setting_value,
            static_cast<std::uint64_t>(Nanos(5s).count()));
  EXPECT_FALSE(stays.gone());
  for (http::Exchange* x : waiting) answer(*x, "x");
  EXPECT_TRUE(rig().until([&] { return stays.received.ends_with("x"); }));
}

TEST_P(ListenerTest, a_server_binds_them_beside_its_own_addresses) {
  class : public http::Handler {
    void handle(http::Exchange& x) override { answer(x, "x"); }
  } handler;
  server::Server::Options options;
  options.listen = {"127.0.0.1:0"};
  options.listeners.resize(1);
  options.listeners[0].spec = "127.0.0.1:0";
  options.listeners[0].settings.server_header = "two";
  options.backend = net::Backend::epoll;
  auto server = server::Server::create(options, handler);
  ASSERT_TRUE(server) << server.error().what;
  (*server)->start();
  const std::vector<std::string> addresses = (*server)->addresses();
  ASSERT_EQ(addresses.size(), 2U);
  const auto port = [](const std::string& name) {
    return static_cast<std::uint16_t>(std::stoi(name.substr(name.rfind(':') + 1)));
  };
  EXPECT_EQ(ask_once(port(addresses[0]), "/").find("Server:"), std::string::npos);
  EXPECT_NE(ask_once(port(addresses[1]), "/").find("Server: two\r\n"), std::string::npos);
  options.listeners[0].settings.server_header = "bad\n";
  const auto refused = server::Server::create(options, handler);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("server-header"), std::string::npos);
}

}  // namespace
}  // namespace finack::tests
