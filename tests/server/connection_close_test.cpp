// How connections end: half-closes, resets, and what of a response arrived.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Phase;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

class ConnectionCloseTest : public ServerTest {
 protected:
  const record::Ending& ending() { return rig().connections.at(0).ending; }
  const record::Ending& request_ending() { return rig().requests.at(0).ending; }
  /// Handlers that hold their exchange until the test answers.
  ServerRig::Handle keep() {
    return [this](http::Exchange& x) { kept = &x; };
  }
  void ask_and_wait(Client& client) {
    client.send(kGet);
    ASSERT_TRUE(rig().until([&] { return kept != nullptr; }));
  }
  static server::Settings half_close(server::HalfClose mode) {
    server::Settings settings;
    settings.client_half_close = mode;
    return settings;
  }
  std::int64_t live_in(Phase phase) {
    return rig().counters().live_by_phase[static_cast<std::size_t>(phase)].get();
  }
  http::Exchange* kept = nullptr;
};
FINACK_SERVER_SUITE(ConnectionCloseTest);

TEST_P(ConnectionCloseTest, a_client_that_says_nothing) {
  SERVE(keep());
  rig().connect().close();
  rig().connect().reset();
  ASSERT_TRUE(rig().ended(2));
  for (const SeenConnection& seen : rig().connections) {
    EXPECT_EQ(seen.ending.cause, Cause::client_silent);
    EXPECT_EQ(seen.ending.delivered, Delivered::nothing_owed);
    EXPECT_EQ(seen.protocol, "");
  }
}

TEST_P(ConnectionCloseTest, a_head_that_is_cut) {
  SERVE(keep());
  Client& client = rig().connect();
  client.send("GET / HT");
  rig().settle(3);
  client.finish();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::client_head_truncated);
  EXPECT_EQ(ending().phase, Phase::head);
  EXPECT_EQ(request_ending().cause, Cause::client_head_truncated);
  EXPECT_EQ(rig().requests[0].status, 0);
}

TEST_P(ConnectionCloseTest, a_body_that_is_cut_wakes_its_handler) {
  SERVE(echo);
  Client& fin = rig().connect();
  fin.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  rig().settle(5);
  fin.finish();
  ASSERT_TRUE(rig().ended());
  Client& rst = rig().connect();
  rst.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha");
  rig().settle(5);
  rst.reset();
  ASSERT_TRUE(rig().ended(2));
  rig().settle(3);
  ASSERT_EQ(rig().requests.size(), 2U);
  for (const SeenConnection& seen : rig().connections) {
    EXPECT_EQ(seen.ending.cause, Cause::client_body_truncated);
    EXPECT_EQ(seen.ending.phase, Phase::body);
  }
  for (const SeenRequest& seen : rig().requests)
    EXPECT_EQ(seen.ending.cause, Cause::client_body_truncated);
  EXPECT_EQ(rig().connections[0].ending.how, How::fin);
  EXPECT_EQ(rig().connections[1].ending.how, How::rst);
}

TEST_P(ConnectionCloseTest, a_request_and_its_reset_in_one_wake_up_start_no_handler) {
  SERVE(keep());
  Client& client = rig().connect();
  rig().settle(3);
  client.send(kGet);
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(kept, nullptr);
  EXPECT_EQ(ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(ending().phase, Phase::handling);
  EXPECT_EQ(request_ending().cause, Cause::client_left_waiting);
}

TEST_P(ConnectionCloseTest, a_reset_while_handling_wakes_a_sleeping_handler) {
  bool woken = false;
  SERVE([&](http::Exchange& x) {
    kept = &x;
    x.sleep(100s, [&] { woken = true; });
  });
  Client& client = rig().connect();
  ask_and_wait(client);
  const std::stop_token token = kept->stop_token();
  EXPECT_FALSE(token.stop_requested());
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_TRUE(woken);
  EXPECT_TRUE(token.stop_requested());
  EXPECT_EQ(kept->left().cause, Cause::client_left_waiting);
  EXPECT_EQ(kept->read_body().kind, http::BodyRead::Kind::cut);
  EXPECT_EQ(kept->write("x"), http::WriteState::gone);
  EXPECT_TRUE(kept->respond({}, "to nobody"));
  rig().settle(3);
  EXPECT_EQ(ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(ending().delivered, Delivered::none);
  ASSERT_EQ(rig().requests.size(), 1U);
  EXPECT_EQ(request_ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(rig().requests[0].status, 0);
}

TEST_P(ConnectionCloseTest, probing_a_fin_finds_that_the_client_left) {
  SERVE(keep());
  Client& client = rig().connect();
  ask_and_wait(client);
  client.close();
  ASSERT_TRUE(rig().ended()) << "the probe did not meet its RST";
  EXPECT_EQ(ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(ending().how, How::fin);
  EXPECT_EQ(ending().phase, Phase::handling);
  EXPECT_EQ(ending().evidence.certainty, record::Certainty::proved);
  kept->abort(Cause::client_left_waiting);
  rig().settle(3);
  EXPECT_EQ(request_ending().cause, Cause::client_left_waiting);
}

TEST_P(ConnectionCloseTest, probing_a_half_close_serves_it) {
  SERVE(keep());
  Client& client = rig().connect();
  ask_and_wait(client);
  client.finish();
  ASSERT_TRUE(rig().until([&] { return !client.received.empty(); }));
  EXPECT_EQ(rig().response(client).status, 100);
  answer(*kept, "served");
  EXPECT_EQ(rig().response(client).body, "served");
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::ok_half_close_served);
  EXPECT_EQ(ending().delivered, Delivered::all);
  EXPECT_EQ(request_ending().cause, Cause::ok_half_close_served);
}

TEST_P(ConnectionCloseTest, a_half_close_is_not_probed_when_tolerated_nor_on_http10) {
  SERVE(keep(), half_close(server::HalfClose::tolerate));
  Client& client = rig().connect();
  ask_and_wait(client);
  client.finish();
  rig().settle();
  EXPECT_EQ(client.received, "");
  answer(*kept, "served");
  EXPECT_EQ(rig().response(client).body, "served");
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::ok_half_close_served);
}

TEST_P(ConnectionCloseTest, tolerating_a_client_that_left_learns_it_from_the_answer) {
  SERVE(keep(), half_close(server::HalfClose::tolerate));
  Client& client = rig().connect();
  ask_and_wait(client);
  client.close();
  rig().settle();
  EXPECT_TRUE(rig().connections.empty());
  answer(*kept, "to nobody");
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(ending().how, How::fin);
  EXPECT_EQ(request_ending().cause, Cause::client_left_waiting);
}

TEST_P(ConnectionCloseTest, cancelling_a_half_close_stops_the_handler_and_says_503) {
  bool woken = false;
  SERVE(
      [&](http::Exchange& x) {
        kept = &x;
        x.sleep(100s, [&, exchange = &x] {
          woken = true;
          exchange->abort(exchange->left().cause);
        });
      },
      half_close(server::HalfClose::cancel));
  Client& client = rig().connect();
  ask_and_wait(client);
  client.finish();
  const Response response = rig().response(client);
  EXPECT_TRUE(woken);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.header("Connection"), "close");
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::policy_half_close_cancelled);
  EXPECT_EQ(request_ending().cause, Cause::policy_half_close_cancelled);
}

TEST_P(ConnectionCloseTest, cancelling_a_client_that_left) {
  SERVE(
      [&](http::Exchange& x) {
        kept = &x;
        x.sleep(100s, [exchange = &x] { exchange->abort(exchange->left().cause); });
      },
      half_close(server::HalfClose::cancel));
  Client& client = rig().connect();
  ask_and_wait(client);
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(ending().phase, Phase::handling);
  EXPECT_EQ(request_ending().cause, Cause::client_left_waiting);
}

/// A handler that goes on writing after the cancelling FIN must still be told of the reset.
TEST_P(ConnectionCloseTest, a_writer_that_waits_after_a_cancelling_fin_is_woken_by_the_reset) {
  SERVE(keep(), half_close(server::HalfClose::cancel));
  Client& client = rig().connect(16 * 1024);
  ask_and_wait(client);
  client.reading = false;
  client.finish();
  ASSERT_TRUE(rig().until([&] { return static_cast<bool>(kept->left()); }));
  EXPECT_TRUE(kept->start({}));
  bool woken = false;
  http::WriteState state = http::WriteState::ready;
  const std::string piece(256 * 1024, 'p');
  for (int i = 0; i < 100 && state == http::WriteState::ready; ++i) {
    state = kept->write(piece);
    for (int turns = 0; turns < 3 && state == http::WriteState::wait; ++turns) {
      rig().turn();
      state = kept->write("x");
    }
  }
  ASSERT_EQ(state, http::WriteState::wait);
  kept->on_write_ready([&] { woken = true; });
  client.reset();
  ASSERT_TRUE(rig().ended());
  rig().settle(5);
  EXPECT_TRUE(woken) << "the handler would wait for ever";
  kept->abort(Cause::app_abort);
}

TEST_P(ConnectionCloseTest, a_reset_while_a_response_is_sent) {
  SERVE([](http::Exchange& x) { EXPECT_TRUE(x.respond_owned({}, std::string(20'000'000, 'o'))); });
  Client& client = rig().connect(16 * 1024);
  client.reading = false;
  client.send(kGet);
  rig().settle(50);
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::client_left_receiving);
  EXPECT_EQ(ending().delivered, Delivered::partial);
  EXPECT_GT(ending().undelivered_bytes, 10'000'000U);
  EXPECT_EQ(request_ending().cause, Cause::client_left_receiving);
  EXPECT_EQ(request_ending().delivered, Delivered::partial);
}

TEST_P(ConnectionCloseTest, a_reset_while_idle) {
  SERVE([](http::Exchange& x) { answer(x, "x"); });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::client_reset_idle);
  EXPECT_EQ(ending().delivered, Delivered::all);
}

/// The response is with the kernel and nobody reads it: FIN, then RST, find a connection that is
/// idle and holds no exchange.
TEST_P(ConnectionCloseTest, a_fin_and_a_reset_with_an_idle_connections_bytes_unread) {
  SERVE([](http::Exchange& x) { EXPECT_TRUE(x.respond_owned({}, std::string(300'000, 'o'))); });
  Client& client = rig().connect(4 * 1024);
  client.reading = false;
  client.send(kGet);
  rig().settle(50);
  client.finish();
  rig().settle(20);
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::client_left_flush);
  EXPECT_EQ(ending().evidence.first_unacknowledged_request, 1U);
}

TEST_P(ConnectionCloseTest, a_reset_with_bytes_of_our_own_idle_close_unread) {
  server::Settings settings;
  settings.timeouts.idle = 2s;
  SERVE([](http::Exchange& x) { EXPECT_TRUE(x.respond_owned({}, std::string(300'000, 'o'))); },
        settings);
  Client& client = rig().connect(4 * 1024);
  client.reading = false;
  client.send(kGet);
  rig().settle(50);
  rig().advance(4s);
  rig().settle(5);
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_TRUE(ending().cause == Cause::timeout_idle || ending().cause == Cause::client_left_flush);
}

TEST_P(ConnectionCloseTest, an_agreed_close_waits_for_the_clients_fin) {
  SERVE([](http::Exchange& x) { answer(x, "bye"); });
  Client& client = rig().connect();
  const Response response =
      rig().ask(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_TRUE(rig().until([&] { return client.at_end; }));
  rig().settle();
  EXPECT_TRUE(rig().connections.empty());
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::ok_completed);
  EXPECT_EQ(ending().how, How::fin);
  EXPECT_EQ(ending().phase, Phase::flush);
  EXPECT_EQ(ending().delivered, Delivered::all);
  EXPECT_EQ(ending().evidence.linger, record::Linger::fin);
  EXPECT_EQ(request_ending().cause, Cause::ok_completed);
  EXPECT_EQ(request_ending().delivered, Delivered::all);
}

TEST_P(ConnectionCloseTest, lingering_is_bounded) {
  SERVE([](http::Exchange& x) { answer(x, "bye"); });
  Client& client = rig().connect();
  rig().ask(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  for (int i = 0; i < 8; ++i) {
    client.send("still talking");
    rig().advance(1s);
  }
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::ok_completed);
  EXPECT_EQ(ending().evidence.linger, record::Linger::expired);
}

/// c.left() may see the reset before the loop does; what the handler then says is the same ending.
TEST_P(ConnectionCloseTest, a_handler_that_saw_the_reset_itself_does_not_make_it_ours) {
  Client* left = nullptr;
  SERVE([&](http::Exchange& x) {
    left->reset();
    while (!x.left()) std::this_thread::yield();
    x.abort(x.left().cause);
  });
  Client& client = rig().connect();
  left = &client;
  client.send(kGet);
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(ending().ended_by, EndedBy::peer);
  EXPECT_EQ(request_ending().cause, Cause::client_left_waiting);
  EXPECT_EQ(request_ending().ended_by, EndedBy::peer);
}

/// What c.left() says is what the connection's own rules say, not always client.left_waiting.
TEST_P(ConnectionCloseTest, a_handler_that_saw_the_reset_itself_is_told_the_verdict) {
  Client* left = nullptr;
  std::optional<Cause> told;
  SERVE([&](http::Exchange& x) {
    left->reset();
    while (!x.left()) std::this_thread::yield();
    told = x.left().cause;
    x.abort(*told);
  });
  Client& client = rig().connect();
  left = &client;
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(told, Cause::client_body_truncated);
  for (const record::Ending& seen : {ending(), request_ending()}) {
    EXPECT_EQ(seen.cause, Cause::client_body_truncated);
    EXPECT_EQ(seen.ended_by, EndedBy::peer);
    EXPECT_EQ(seen.how, How::rst);
    EXPECT_EQ(seen.delivered, Delivered::nothing_owed);
  }
}

/// With more than a few requests in a turn io_uring leaves the sends to the kernel: the handler is
/// done then, and no connection stands in its phase.
TEST_P(ConnectionCloseTest, answers_on_their_way_to_the_kernel_are_past_handling) {
  constexpr std::size_t kClients = 8;
  std::size_t answered = 0;
  SERVE([&](http::Exchange& x) {
    answer(x, "hello");
    ++answered;
  });
  std::vector<Client*> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.push_back(&rig().connect());
  ASSERT_TRUE(rig().until([&] { return rig().worker().live() == kClients; }));
  for (Client* client : clients) client->send(kGet);
  while (answered < kClients) {
    rig().turn();
    EXPECT_EQ(live_in(Phase::handling), 0);
  }
  const std::int64_t pending = live_in(Phase::response);
  EXPECT_EQ(pending > 0, GetParam() == net::Backend::io_uring);
  for (Client* client : clients) client->reset();
  ASSERT_TRUE(rig().ended(kClients));
  // Of what only the ring held, no byte was with the kernel.
  std::int64_t waiting = 0;
  for (const SeenConnection& seen : rig().connections) {
    EXPECT_EQ(seen.ending.phase, seen.bytes_out == 0 ? Phase::handling : Phase::idle);
    EXPECT_EQ(seen.ending.how, How::rst);
    if (seen.ending.cause == Cause::client_left_waiting) ++waiting;
  }
  EXPECT_EQ(waiting, pending);
}

/// A handler that has let go outside of a call is not called again in the same turn.
TEST_P(ConnectionCloseTest, no_callback_comes_after_the_handler_let_go) {
  bool called = false;
  SERVE([&](http::Exchange& x) {
    kept = &x;
    EXPECT_EQ(x.read_body().kind, http::BodyRead::Kind::wait);
    x.on_body_ready([&] { called = true; });
  });
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return kept != nullptr; }));
  client.send("0123456789");
  client.pump();
  answer(*kept, "early");
  rig().settle();
  EXPECT_FALSE(called);
  EXPECT_EQ(rig().response(client).body, "early");
}

/// Stop callbacks may let go of the exchange while the connection tells the handler of its end.
TEST_P(ConnectionCloseTest, a_stop_callback_may_finish_the_exchange) {
  bool called = false;
  std::optional<std::stop_callback<std::function<void()>>> stop;
  SERVE([&](http::Exchange& x) {
    kept = &x;
    x.on_body_ready([&] { called = true; });
    x.sleep(100s, [&] { called = true; });
    stop.emplace(x.stop_token(), [&x] { x.abort(Cause::app_abort); });
  });
  Client& client = rig().connect();
  ask_and_wait(client);
  client.reset();
  ASSERT_TRUE(rig().ended());
  rig().settle(3);
  EXPECT_FALSE(called);
  EXPECT_EQ(request_ending().cause, Cause::client_left_waiting);
  stop.reset();
}

}  // namespace
}  // namespace finack::tests
