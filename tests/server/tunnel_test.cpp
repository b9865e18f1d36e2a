// Upgraded exchanges: both directions, their ends, and what holds them back.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

constexpr std::string_view kUpgrade =
    "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
constexpr std::string_view kSwitched =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n";

/// The far side, as a test drives it.
class Far final : public http::TunnelObserver {
 public:
  bool open(http::Exchange& x) {
    exchange = &x;
    constexpr http::Header kHeader{.name = "Upgrade", .value = "echo"};
    http::ResponseHead head;
    head.status = 101;
    head.headers = {&kHeader, 1};
    inside_ = true;
    const bool done = x.upgrade(head, *this);
    inside_ = false;
    return done;
  }
  void on_tunnel_bytes(std::string_view bytes) override {
    EXPECT_FALSE(inside_ || fin || ended);
    EXPECT_FALSE(paused);
    got += bytes;
    if (echoes) write(bytes);
    if (pause_after_bytes) pause();
    if (aborts) exchange->abort(Cause::timeout_tunnel_idle, {});
  }
  void on_tunnel_fin() override {
    EXPECT_FALSE(inside_ || fin || ended);
    fin = true;
    if (finishes_too) finish();
  }
  void on_tunnel_write_ready() override {
    EXPECT_FALSE(inside_ || ended);
    ++ready;
  }
  void on_tunnel_end(const http::Departure& departure) override {
    EXPECT_FALSE(inside_ || ended);
    ended = true;
    end = departure;
    if (tries > 0) {
      const std::vector<record::UpstreamTry> list(tries);
      exchange->set_upstream(list);
    }
    // Too late for these, and harmless.
    EXPECT_EQ(exchange->write("late"), http::WriteState::gone);
    exchange->finish();
  }
  http::WriteState write(std::string_view bytes) {
    inside_ = true;
    const http::WriteState state = exchange->write(bytes);
    inside_ = false;
    return state;
  }
  void finish() {
    inside_ = true;
    exchange->finish();
    inside_ = false;
  }
  void pause() {
    paused = true;
    exchange->pause_reading();
  }
  void resume() {
    paused = false;
    inside_ = true;
    exchange->resume_reading();
    inside_ = false;
  }

  http::Exchange* exchange = nullptr;
  std::string got;
  bool fin = false;
  bool ended = false;
  bool echoes = false;
  bool finishes_too = false;
  bool pause_after_bytes = false;
  bool aborts = false;
  bool paused = false;
  int ready = 0;
  std::size_t tries = 0;
  http::Departure end;

 private:
  bool inside_ = false;  ///< A call into the exchange is on the stack.
};

class TunnelTest : public ServerTest {
 protected:
  ~TunnelTest() override { rig_.reset(); }  // which tells the far side
  void serve_tunnel(const server::Settings& settings = {}) {
    serve(
        [this](http::Exchange& x) {
          if (x.request().target == "/chat") {
            EXPECT_TRUE(far_.open(x));
          } else {
            answer(x, "plain");
          }
        },
        settings);
  }
  /// A client whose tunnel stands; the 101 is read off.
  Client& enter(int receive_buffer = 0) {
    Client& client = rig().connect(receive_buffer);
    client.send(kUpgrade);
    EXPECT_TRUE(rig().until([&] { return client.received.size() >= kSwitched.size(); }));
    EXPECT_TRUE(client.received.starts_with(kSwitched)) << client.received;
    client.received.erase(0, kSwitched.size());
    return client;
  }
  void expect_end(Cause connection, Cause request, EndedBy by, How how) {
    ASSERT_TRUE(rig().ended());
    ASSERT_TRUE(rig().until([&] { return !rig().requests.empty(); }));
    const record::Ending& c = rig().connections.back().ending;
    const record::Ending& r = rig().requests.back().ending;
    EXPECT_EQ(c.cause, connection);
    EXPECT_EQ(r.cause, request);
    EXPECT_EQ(c.ended_by, by);
    EXPECT_EQ(c.how, how);
    EXPECT_EQ(c.phase, Phase::tunnel);
    EXPECT_EQ(r.phase, Phase::tunnel);
    EXPECT_EQ(rig().requests.back().status, 101);
    EXPECT_EQ(rig().requests.size(), 1U);
  }
  Far far_;
};
FINACK_SERVER_SUITE(TunnelTest);
#define SERVE_TUNNEL(...)      \
  do {                         \
    serve_tunnel(__VA_ARGS__); \
    if (IsSkipped()) return;   \
  } while (false)

TEST_P(TunnelTest, carries_both_ways_and_ends_when_both_finished) {
  SERVE_TUNNEL();
  far_.echoes = true;
  far_.tries = 1;
  Client& client = rig().connect();
  client.send(kUpgrade);
  client.send("early");  // in one piece with the head
  ASSERT_TRUE(rig().until([&] { return client.received.ends_with("early"); }));
  EXPECT_TRUE(client.received.starts_with(kSwitched));
  client.send("GET / HTTP/1.1\r\n\r\n");  // no request any more
  ASSERT_TRUE(rig().until([&] { return client.received.ends_with("\r\n\r\n"); }));
  EXPECT_EQ(far_.got, "earlyGET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(rig().counters().live_by_phase[static_cast<std::size_t>(Phase::tunnel)].get(), 1);
  client.finish();
  ASSERT_TRUE(rig().until([&] { return far_.fin; }));
  rig().settle(5);
  EXPECT_FALSE(client.gone());
  EXPECT_FALSE(far_.ended);
  EXPECT_EQ(far_.write("bye"), http::WriteState::ready);
  far_.finish();
  EXPECT_EQ(far_.write("more"), http::WriteState::gone);
  ASSERT_TRUE(rig().until([&] { return client.at_end; }));
  EXPECT_TRUE(client.received.ends_with("bye"));
  expect_end(Cause::ok_tunnel_done, Cause::ok_tunnel_done, EndedBy::peer, How::fin);
  EXPECT_TRUE(far_.ended);
  EXPECT_EQ(far_.end.cause, Cause::ok_tunnel_done);
  const SeenRequest& request = rig().requests[0];
  EXPECT_EQ(request.target, "/chat");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.bytes_in, far_.got.size());
  EXPECT_EQ(request.bytes_out, kSwitched.size() + far_.got.size() + 3);
  EXPECT_EQ(request.ending.delivered, record::Delivered::all);
  EXPECT_EQ(rig().connections[0].ending.delivered, record::Delivered::all);
  EXPECT_EQ(request.upstream.size(), 1U) << "said when it ended";
}

TEST_P(TunnelTest, a_body_of_no_bytes_is_none) {
  SERVE_TUNNEL();
  Client& client = rig().connect();
  client.send(std::string(kUpgrade.substr(0, kUpgrade.size() - 2)) + "Content-Length: 0\r\n\r\nhi");
  ASSERT_TRUE(rig().until([&] { return far_.got == "hi"; }));
  EXPECT_EQ(client.received, kSwitched);
}

TEST_P(TunnelTest, our_fin_first_and_the_client_goes_on) {
  SERVE_TUNNEL();
  Client& client = enter();
  far_.write("last");
  far_.finish();
  ASSERT_TRUE(rig().until([&] { return client.at_end; }));
  EXPECT_EQ(client.received, "last");
  client.send("still here");
  ASSERT_TRUE(rig().until([&] { return far_.got == "still here"; }));
  EXPECT_FALSE(far_.ended);
  client.finish();
  expect_end(Cause::ok_tunnel_done, Cause::ok_tunnel_done, EndedBy::local, How::fin);
  EXPECT_TRUE(far_.fin);
  EXPECT_TRUE(far_.ended);
}

TEST_P(TunnelTest, both_fins_at_once) {
  SERVE_TUNNEL();
  far_.finishes_too = true;
  Client& client = enter();
  client.send("x");
  client.finish();
  ASSERT_TRUE(rig().until([&] { return client.at_end; }));
  expect_end(Cause::ok_tunnel_done, Cause::ok_tunnel_done, EndedBy::peer, How::fin);
  EXPECT_EQ(far_.got, "x");
}

TEST_P(TunnelTest, a_client_that_finished_before_the_upgrade) {
  http::Exchange* exchange = nullptr;
  server::Settings settings;
  settings.client_half_close = server::HalfClose::tolerate;
  SERVE([&](http::Exchange& x) { exchange = &x; }, settings);
  Client& client = rig().connect();
  client.send(kUpgrade);
  client.send("all");
  client.finish();
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  rig().settle(5);
  far_.finishes_too = true;
  ASSERT_TRUE(far_.open(*exchange));
  ASSERT_TRUE(rig().until([&] { return client.at_end; }));
  EXPECT_EQ(client.received, kSwitched);
  EXPECT_EQ(far_.got, "all");
  expect_end(Cause::ok_tunnel_done, Cause::ok_tunnel_done, EndedBy::peer, How::fin);
}

// ---- Ends ---------------------------------------------------------------------------------------

TEST_P(TunnelTest, a_reset_by_the_client) {
  SERVE_TUNNEL();
  Client& client = enter();
  client.send("x");
  ASSERT_TRUE(rig().until([&] { return far_.got == "x"; }));
  client.reset();
  expect_end(Cause::client_left_tunnel, Cause::client_left_tunnel, EndedBy::peer, How::rst);
  EXPECT_EQ(far_.end.cause, Cause::client_left_tunnel);
  EXPECT_EQ(far_.end.how, How::rst);
  EXPECT_FALSE(far_.fin);
}

TEST_P(TunnelTest, a_reset_between_the_two_fins) {
  SERVE_TUNNEL();
  Client& client = enter();
  client.finish();
  ASSERT_TRUE(rig().until([&] { return far_.fin; }));
  client.reset();
  far_.write("to nobody");
  expect_end(Cause::client_left_tunnel, Cause::client_left_tunnel, EndedBy::peer, How::rst);
  EXPECT_TRUE(far_.ended);
}

/// Both directions are finished, but the client never takes what was sent.
TEST_P(TunnelTest, a_reset_before_the_last_acknowledgement) {
  SERVE_TUNNEL();
  Client& client = enter(4 * 1024);
  client.reading = false;
  far_.write(std::string(100'000, 'x'));
  far_.finish();
  client.finish();
  ASSERT_TRUE(rig().until([&] { return far_.fin; }));
  rig().settle(20);
  client.reset();
  expect_end(Cause::client_left_tunnel, Cause::client_left_tunnel, EndedBy::peer, How::rst);
  EXPECT_GT(rig().connections[0].ending.undelivered_bytes, 0U);
  EXPECT_EQ(rig().requests[0].ending.delivered, record::Delivered::partial);
}

/// The same, and the far side's wait is over before the client resets.
TEST_P(TunnelTest, an_idle_timeout_before_the_last_acknowledgement) {
  SERVE_TUNNEL();
  Client& client = enter(4 * 1024);
  client.reading = false;
  far_.write(std::string(100'000, 'x'));
  far_.finish();
  client.finish();
  ASSERT_TRUE(rig().until([&] { return far_.fin; }));
  rig().settle(20);
  ASSERT_EQ(rig().worker().closing_connections(), 1U);
  far_.exchange->abort(Cause::timeout_tunnel_idle);
  rig().settle(5);
  expect_end(Cause::timeout_tunnel_idle, Cause::timeout_tunnel_idle, EndedBy::local, How::timeout);
  EXPECT_GT(rig().connections[0].ending.undelivered_bytes, 0U);
  EXPECT_EQ(rig().requests[0].ending.delivered, record::Delivered::partial);
  EXPECT_EQ(rig().connections.size(), 1U);
  EXPECT_EQ(rig().worker().closing_connections(), 0U) << "its procedure was begun a second time";
}

TEST_P(TunnelTest, the_caller_s_idle_timeout) {
  SERVE_TUNNEL();
  Client& client = enter();
  far_.exchange->sleep(1s, [] { ADD_FAILURE() << "the handler has let go"; });
  far_.exchange->abort(Cause::timeout_tunnel_idle);
  ASSERT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_TRUE(client.at_end) << "nothing was unsent: a FIN says it";
  rig().advance(2s);
  client.close();
  expect_end(Cause::timeout_tunnel_idle, Cause::timeout_tunnel_idle, EndedBy::local, How::timeout);
  EXPECT_FALSE(far_.ended) << "whoever aborts knows";
}

/// It is not the client that is silent.
TEST_P(TunnelTest, the_idle_timeout_of_a_client_that_has_vanished) {
  SERVE_TUNNEL();
  Client& client = enter();
  // It acknowledges nothing any more.
  sock_filter drop_all[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog filter{1, drop_all};
  ASSERT_EQ(::setsockopt(client.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter), 0);
  far_.write("are you there?");
  // The kernel repeats it after some 200 ms of its own time.
  const auto end = std::chrono::steady_clock::now() + 700ms;
  rig().until([&] { return std::chrono::steady_clock::now() > end; });
  far_.exchange->abort(Cause::timeout_tunnel_idle);
  expect_end(Cause::network_vanished, Cause::network_vanished, EndedBy::network, How::timeout);
  EXPECT_EQ(rig().connections[0].ending.evidence.found_by, record::FoundBy::retransmit);
  EXPECT_EQ(rig().requests[0].ending.evidence.found_by, record::FoundBy::retransmit);
  EXPECT_EQ(rig().requests[0].ending.delivered, record::Delivered::partial);
}

TEST_P(TunnelTest, an_abort_from_inside_its_bytes) {
  SERVE_TUNNEL();
  Client& client = enter();
  far_.aborts = true;
  client.send("last words");
  ASSERT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_EQ(far_.got, "last words");
  client.close();
  expect_end(Cause::timeout_tunnel_idle, Cause::timeout_tunnel_idle, EndedBy::local, How::timeout);
}

TEST_P(TunnelTest, an_idle_timeout_with_bytes_unsent_is_a_reset) {
  SERVE_TUNNEL();
  Client& client = enter(4 * 1024);
  client.reading = false;
  while (far_.write(std::string(65536, 'x')) == http::WriteState::ready) rig().settle(2);
  far_.exchange->abort(Cause::timeout_tunnel_idle);
  expect_end(Cause::timeout_tunnel_idle, Cause::timeout_tunnel_idle, EndedBy::local, How::timeout);
  client.reading = true;
  ASSERT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_TRUE(client.was_reset);
}

TEST_P(TunnelTest, the_other_leg_s_end_is_the_request_s_cause) {
  std::size_t n = 0;
  for (const Cause cause :
       {Cause::upstream_left_tunnel, Cause::upstream_ws_lost, Cause::network_vanished}) {
    SCOPED_TRACE(record::name(cause));
    far_ = {};
    if (n == 0) SERVE_TUNNEL();
    Client& client = enter();
    far_.exchange->abort(cause);
    ASSERT_TRUE(rig().until([&] { return client.gone(); }));
    EXPECT_TRUE(client.was_reset);
    ASSERT_TRUE(rig().ended(++n));
    const record::Ending& connection = rig().connections.back().ending;
    EXPECT_EQ(connection.cause, Cause::policy_other_leg);
    EXPECT_EQ(connection.phase, Phase::tunnel);
    EXPECT_EQ(connection.severity, record::info(cause).severity);
    ASSERT_EQ(rig().requests.size(), n);
    EXPECT_EQ(rig().requests.back().ending.cause, cause);
    EXPECT_FALSE(far_.ended);
  }
}

TEST_P(TunnelTest, a_drain_lets_it_go_on_until_its_end) {
  server::Settings settings;
  settings.timeouts.drain = 5s;
  SERVE_TUNNEL(settings);
  far_.echoes = true;
  Client& client = enter();
  rig().worker().drain();
  rig().advance(4s);
  client.send("x");
  ASSERT_TRUE(rig().until([&] { return client.received == "x"; }));
  rig().advance(2s);
  ASSERT_TRUE(rig().until([&] { return client.was_reset; }));
  expect_end(Cause::timeout_drain, Cause::timeout_drain, EndedBy::local, How::timeout);
  EXPECT_EQ(far_.end.cause, Cause::timeout_drain);
}

TEST_P(TunnelTest, one_that_finishes_in_a_drain_is_done) {
  SERVE_TUNNEL();
  far_.finishes_too = true;
  Client& client = enter();
  rig().worker().drain();
  rig().advance(1s);
  client.finish();
  expect_end(Cause::ok_tunnel_done, Cause::ok_tunnel_done, EndedBy::peer, How::fin);
}

TEST_P(TunnelTest, force_cuts_it) {
  SERVE_TUNNEL();
  Client& client = enter();
  rig().worker().force();
  ASSERT_TRUE(rig().until([&] { return client.was_reset; }));
  expect_end(Cause::operator_shutdown_forced, Cause::operator_shutdown_forced, EndedBy::local,
             How::rst);
}

// ---- Back-pressure ------------------------------------------------------------------------------

TEST_P(TunnelTest, a_client_that_does_not_read_holds_the_writer_back) {
  SERVE_TUNNEL();
  Client& client = enter(4 * 1024);
  client.reading = false;
  const std::string block(65536, 'x');
  std::size_t written = 0;
  http::WriteState state = http::WriteState::ready;
  while (state == http::WriteState::ready && written < 64'000'000) {
    state = far_.write(block);
    written += block.size();
    rig().settle(2);
  }
  ASSERT_EQ(state, http::WriteState::wait);
  EXPECT_EQ(far_.ready, 0);
  rig().advance(300s, 10s);  // no timer of the server's runs
  EXPECT_FALSE(far_.ended);
  client.reading = true;
  ASSERT_TRUE(rig().until([&] { return far_.ready == 1; }));
  ASSERT_TRUE(rig().until([&] { return client.received.size() == written; }));
  EXPECT_EQ(far_.ready, 1);
}

TEST_P(TunnelTest, a_paused_tunnel_leaves_the_client_s_bytes_with_the_kernel) {
  SERVE_TUNNEL();
  far_.pause_after_bytes = true;
  Client& client = enter();
  const std::size_t size = 16'000'000;
  client.send(std::string(size, 'y'));
  ASSERT_TRUE(rig().until([&] { return far_.paused; }));
  rig().settle(50);
  const std::size_t first = far_.got.size();
  EXPECT_LT(first, 1'000'000U);
  EXPECT_FALSE(client.sent_all()) << "somebody took all of it";
  client.finish();
  rig().settle(20);
  EXPECT_EQ(far_.got.size(), first);
  far_.resume();
  ASSERT_TRUE(rig().until([&] { return far_.got.size() > first; }));
  far_.pause_after_bytes = false;
  far_.resume();
  ASSERT_TRUE(rig().until([&] { return far_.fin; }, 10s));
  EXPECT_EQ(far_.got.size(), size);
}

/// The FIN has come long ago; the bytes before it are told first.
TEST_P(TunnelTest, a_fin_behind_a_pause_waits_for_its_bytes) {
  SERVE_TUNNEL();
  Client& client = enter();
  far_.pause();
  client.send("before the end");
  client.finish();
  rig().settle(20);
  EXPECT_EQ(far_.got, "");
  EXPECT_FALSE(far_.fin);
  far_.resume();
  ASSERT_TRUE(rig().until([&] { return far_.fin; }));
  EXPECT_EQ(far_.got, "before the end");
}

TEST_P(TunnelTest, a_reset_ends_a_paused_tunnel) {
  SERVE_TUNNEL();
  Client& client = enter();
  far_.pause();
  client.send("x");
  rig().settle(5);
  client.reset();
  expect_end(Cause::client_left_tunnel, Cause::client_left_tunnel, EndedBy::peer, How::rst);
  EXPECT_TRUE(far_.ended);
}

// ---- The way in ---------------------------------------------------------------------------------

TEST_P(TunnelTest, what_cannot_be_upgraded_is_answered) {
  struct {
    const char* what;
    std::string request;
  } const cases[] = {
      {"HTTP/1.0", "GET /chat HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"},
      {"a body on its way",
       "POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: Upgrade\r\n"
       "Upgrade: echo\r\n\r\nhel"},
  };
  SERVE([this](http::Exchange& x) {
    EXPECT_FALSE(far_.open(x));
    answer(x, "plain");
  });
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    EXPECT_EQ(rig().ask(rig().connect(), c.request).status, 200);
  }
  EXPECT_FALSE(far_.ended);
}

TEST_P(TunnelTest, a_bad_head_switches_nothing) {
  SERVE([this](http::Exchange& x) {
    http::ResponseHead head;
    EXPECT_FALSE(x.upgrade(head, far_)) << "200 is no switch";
    head.status = 101;
    constexpr http::Header kBad{.name = "Upgrade", .value = "a\r\nb"};
    head.headers = {&kBad, 1};
    EXPECT_FALSE(x.upgrade(head, far_));
    answer(x, "plain");
  });
  EXPECT_EQ(rig().ask(rig().connect(), kUpgrade).body, "plain");
}

TEST_P(TunnelTest, a_client_that_left_before_gets_none) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) { exchange = &x; });
  Client& client = rig().connect();
  client.send(kUpgrade);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_FALSE(far_.open(*exchange));
  exchange->abort(Cause::client_left_waiting);
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 1; }));
  EXPECT_EQ(rig().requests[0].ending.cause, Cause::client_left_waiting);
}

/// Answers before it are sent first, and the exchange serves requests again afterwards.
TEST_P(TunnelTest, stands_behind_pipelined_answers_and_leaves_no_trace) {
  SERVE_TUNNEL();
  far_.finishes_too = true;
  Client& client = rig().connect();
  client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  client.send(kUpgrade);
  client.send("bytes");
  EXPECT_EQ(rig().response(client).body, "plain");
  client.finish();
  ASSERT_TRUE(rig().until([&] { return client.at_end; }));
  EXPECT_EQ(client.received, kSwitched);
  EXPECT_EQ(far_.got, "bytes");
  ASSERT_TRUE(rig().ended());
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 2; }));
  EXPECT_EQ(rig().requests[0].ending.cause, Cause::ok_completed);
  EXPECT_EQ(rig().requests[1].ending.cause, Cause::ok_tunnel_done);
  Client& next = rig().connect();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(rig().ask(next, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n").body, "plain");
}

}  // namespace
}  // namespace finack::tests
