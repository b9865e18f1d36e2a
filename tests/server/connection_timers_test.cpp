// Every wait has a deadline, and it covers exactly that wait. The clock moves only when told.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::How;
using record::Phase;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

class ConnectionTimersTest : public ServerTest {
 protected:
  const record::Ending& ending() { return rig().connections.back().ending; }
  /// Moves on until a connection has ended; the time that took.
  Nanos time_to_end(Nanos most) {
    Nanos passed{0};
    while (rig().connections.empty() && passed < most) {
      rig().advance(500ms, 500ms);
      passed += 500ms;
    }
    return passed;
  }
  /// Sends `piece` and lets `pause` pass, until an answer comes but at most `times`.
  void drip(Client& client, std::string_view piece, Nanos pause, int times) {
    for (int i = 0; i < times && client.received.empty(); ++i) {
      client.send(piece);
      rig().settle(3);
      rig().advance(pause);
    }
  }
  /// The ending of the connection, which has to come once `client` closes too.
  record::Ending ending_on_close(Client& client) {
    client.close();
    EXPECT_TRUE(rig().ended());
    return rig().connections.empty() ? record::Ending{} : ending();
  }
  /// As ending_on_close, for a client that is answered 408.
  record::Ending ending_on_408(Client& client) {
    EXPECT_EQ(rig().response(client).status, 408);
    return ending_on_close(client);
  }
  /// Asks, and does not read the answer; `turns` fill its small window.
  Client& ask_without_reading(int receive_buffer, int turns, int requests = 1);
};
FINACK_SERVER_SUITE(ConnectionTimersTest);

Client& ConnectionTimersTest::ask_without_reading(int receive_buffer, int turns, int requests) {
  Client& client = rig().connect(receive_buffer);
  client.reading = false;
  for (int i = 0; i < requests; ++i) client.send(kGet);
  rig().settle(turns);
  return client;
}

void answer_x(http::Exchange& x) { answer(x, "x"); }

/// Writes for ever, waiting where it is told to.
struct Endless : std::enable_shared_from_this<Endless> {
  explicit Endless(http::Exchange& x) : exchange(x) {}
  void go() {
    const std::string piece(64 * 1024, 'e');
    for (;;) {
      const http::WriteState state = exchange.write(piece);
      if (state == http::WriteState::gone) {
        gone = true;
        return exchange.abort(Cause::app_abort);
      }
      if (state == http::WriteState::wait)
        return exchange.on_write_ready([self = shared_from_this()] { self->go(); });
    }
  }
  http::Exchange& exchange;
  bool gone = false;
};

ServerRig::Handle endless_stream(std::shared_ptr<Endless>& endless) {
  return [&endless](http::Exchange& x) {
    endless = std::make_shared<Endless>(x);
    EXPECT_TRUE(x.start({}));
    endless->go();
  };
}

TEST_P(ConnectionTimersTest, first_byte) {
  SERVE(answer_x);
  Client& client = rig().connect();
  rig().settle(5);
  rig().advance(9s);
  EXPECT_FALSE(client.gone());
  rig().advance(2s);
  EXPECT_TRUE(client.at_end);
  EXPECT_EQ(client.received, "");
  const record::Ending end = ending_on_close(client);
  EXPECT_EQ(end.cause, Cause::timeout_first_byte);
  EXPECT_EQ(end.how, How::timeout);
  EXPECT_EQ(end.phase, Phase::fresh);
  EXPECT_STREQ(end.evidence.setting, "timeout-first-byte");
  EXPECT_EQ(end.evidence.setting_of, nullptr);
  EXPECT_TRUE(rig().requests.empty());
}

TEST_P(ConnectionTimersTest, a_file_s_setting_is_named_with_its_place) {
  server::Settings settings;
  settings.path = "listeners[3].";
  SERVE(answer_x, settings);
  Client& client = rig().connect();
  rig().settle(5);
  rig().advance(11s);
  const record::Ending end = ending_on_close(client);
  EXPECT_EQ(end.cause, Cause::timeout_first_byte);
  EXPECT_STREQ(end.evidence.setting, "timeouts.first_byte");
  EXPECT_STREQ(end.evidence.setting_of, "listeners[3].");
}

TEST_P(ConnectionTimersTest, a_head_that_trickles_does_not_restart_its_timer) {
  SERVE(answer_x);
  Client& client = rig().connect();
  client.send("GET / HTTP/1.1\r\nX-Slow: ");
  for (int i = 0; i < 11 && client.received.empty(); ++i) {
    rig().advance(1s);
    client.send("a");
  }
  const record::Ending end = ending_on_408(client);
  EXPECT_EQ(end.cause, Cause::timeout_head);
  EXPECT_EQ(end.phase, Phase::head);
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::timeout_head);
  EXPECT_EQ(rig().requests.at(0).status, 408);
}

/// Empty lines before a head count for its deadline, also behind a request.
TEST_P(ConnectionTimersTest, empty_lines_alone_end_by_the_heads_deadline) {
  SERVE(echo);
  Client& fresh = rig().connect();
  fresh.send("\r\n");
  rig().settle(5);
  rig().advance(11s);
  EXPECT_TRUE(rig().until([&] { return fresh.gone(); }));
  EXPECT_EQ(ending_on_close(fresh).cause, Cause::timeout_head);
  Client& old = rig().connect();
  EXPECT_EQ(rig().ask(old, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok\r\n").body,
            "ok");
  rig().advance(100s);
  EXPECT_TRUE(rig().until([&] { return old.gone(); }));
  old.close();
  ASSERT_TRUE(rig().ended(2));
}

TEST_P(ConnectionTimersTest, body_idle_restarts_with_each_byte) {
  SERVE(echo);
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
  drip(client, "b", 20s, 5);
  EXPECT_FALSE(client.gone());
  EXPECT_EQ(client.received, "");
  rig().advance(15s);
  const record::Ending end = ending_on_408(client);
  EXPECT_EQ(end.cause, Cause::timeout_body_idle);
  EXPECT_EQ(end.phase, Phase::body);
  EXPECT_EQ(end.evidence.expected_bytes, 100U);
  EXPECT_EQ(end.evidence.received_bytes, 5U);
}

TEST_P(ConnectionTimersTest, body_total_does_not_restart) {
  server::Settings settings;
  settings.timeouts.body_total = 60s;
  SERVE(echo, settings);
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  drip(client, "1\r\nb\r\n", 10s, 7);
  EXPECT_EQ(ending_on_408(client).cause, Cause::timeout_body_total);
}

TEST_P(ConnectionTimersTest, a_body_below_the_minimum_rate_ends_however_evenly_it_drips) {
  server::Settings settings;
  settings.limits.min_rate = 100;
  SERVE(echo, settings);
  Client& client = rig().connect();
  // Earlier bytes of the connection are no credit.
  const std::string first(10'000, 'f');
  EXPECT_EQ(rig()
                .ask(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n" + first)
                .status,
            200);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  drip(client, "dddddddddd", 1s, 15);
  EXPECT_EQ(ending_on_408(client).cause, Cause::timeout_min_rate);
}

TEST_P(ConnectionTimersTest, a_body_above_the_minimum_rate_may_take_its_time) {
  server::Settings settings;
  settings.limits.min_rate = 5;
  SERVE(echo, settings);
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300\r\n\r\n");
  drip(client, "dddddddddd", 1s, 30);
  EXPECT_EQ(rig().response(client).status, 200);
}

TEST_P(ConnectionTimersTest, a_handler_over_its_time_is_answered_for_and_told) {
  server::Settings settings;
  settings.timeouts.handler = 5s;
  http::Exchange* exchange = nullptr;
  bool woken = false;
  SERVE(
      [&](http::Exchange& x) {
        exchange = &x;
        x.sleep(100s, [&] { woken = true; });
      },
      settings);
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  rig().advance(6s);
  EXPECT_EQ(rig().response(client).status, 503);
  EXPECT_TRUE(woken);
  EXPECT_EQ(exchange->left().cause, Cause::timeout_handler);
  exchange->abort(Cause::app_abort);
  EXPECT_EQ(ending_on_close(client).cause, Cause::ok_completed)
      << "the timer ends the request only";
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::timeout_handler);
  EXPECT_EQ(rig().requests.at(0).status, 503);
}

/// The client's window is full of an earlier answer, so that the 503 cannot arrive.
TEST_P(ConnectionTimersTest, a_late_answer_that_is_lost_to_a_reset_is_no_agreed_close) {
  for (const bool obeys : {true, false}) {
    server::Settings settings;
    settings.timeouts.handler = 5s;
    http::Exchange* late = nullptr;
    SERVE(
        [&](http::Exchange& x) {
          if (x.number() == 1) return answer(x, std::string(128 * 1024, 'x'));
          late = &x;
          x.sleep(100s, [&] {
            if (obeys) late->abort(Cause::timeout_handler, {});
          });
        },
        settings);
    Client& client = rig().connect(2048);
    client.reading = false;
    client.send(kGet);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n\r\n");
    if (obeys) client.send("123456789");
    ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
    rig().advance(6s);
    rig().settle(5);
    ASSERT_TRUE(rig().connections.empty());
    client.reset();
    ASSERT_TRUE(rig().ended());
    if (!obeys) late->abort(Cause::app_abort, {});
    rig().settle(3);
    EXPECT_EQ(ending().cause, Cause::client_left_flush) << "obeys: " << obeys;
    EXPECT_EQ(ending().how, How::rst);
    EXPECT_EQ(rig().requests.back().ending.cause, Cause::timeout_handler) << "obeys: " << obeys;
    EXPECT_EQ(rig().requests.back().ending.delivered, record::Delivered::none);
  }
}

/// What the server sends stays with it: its ends of the connections get small buffers.
void limit_send_buffers(std::uint16_t port) {
  const int bytes = 4096;
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0 &&
        ntohs(at.sin_port) == port)
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
}

TEST_P(ConnectionTimersTest, a_handler_that_obeys_late_cuts_no_answer) {
  server::Settings settings;
  settings.timeouts.handler = 5s;
  http::Exchange* late = nullptr;
  constexpr std::size_t kFirst = 100 * 1024;  // Less than what keeps later requests waiting.
  SERVE(
      [&](http::Exchange& x) {
        if (x.number() == 1) return answer(x, std::string(kFirst, 'x'));
        late = &x;
      },
      settings);
  Client& client = rig().connect(2048);
  client.reading = false;
  rig().settle();
  limit_send_buffers(rig().port());
  client.send(kGet);
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
  rig().advance(6s);
  rig().settle(5);
  ASSERT_TRUE(rig().connections.empty());
  ASSERT_EQ(late->left().cause, Cause::timeout_handler);
  late->abort(Cause::timeout_handler, {});
  rig().settle(5);
  client.reading = true;
  EXPECT_EQ(rig().response(client).body.size(), kFirst);
  EXPECT_EQ(rig().response(client).status, 503);
  ASSERT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_FALSE(client.was_reset);
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::ok_completed);
  EXPECT_EQ(rig().requests.back().ending.cause, Cause::timeout_handler);
}

TEST_P(ConnectionTimersTest, a_stream_that_stalls_at_the_handler) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) {
    exchange = &x;
    EXPECT_TRUE(x.start({}));
    x.write("part");
  });
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return client.received.ends_with("part\r\n"); }));
  rig().advance(50s);
  exchange->write("more");
  rig().settle(5);
  rig().advance(50s);
  EXPECT_FALSE(client.gone());
  rig().advance(15s);
  EXPECT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_EQ(exchange->write("late"), http::WriteState::gone);
  exchange->finish();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(ending().cause, Cause::timeout_handler_stall);
}

TEST_P(ConnectionTimersTest, a_client_that_stops_reading_a_stream) {
  std::shared_ptr<Endless> endless;
  SERVE(endless_stream(endless));
  ask_without_reading(16 * 1024, 100);
  EXPECT_LE(time_to_end(100s), 65s);
  ASSERT_FALSE(rig().connections.empty()) << "a stalled client is waited for without a deadline";
  EXPECT_TRUE(endless->gone);
  EXPECT_TRUE(ending().cause == Cause::timeout_response_stall ||
              ending().cause == Cause::network_vanished)
      << record::name(ending().cause);
  EXPECT_EQ(ending().phase, Phase::response);
  EXPECT_GT(ending().undelivered_bytes, 0U);
}

/// The wait for the client goes on when the handler has let go.
TEST_P(ConnectionTimersTest, a_client_that_stops_reading_what_a_finished_handler_left) {
  std::shared_ptr<Endless> endless;
  SERVE(endless_stream(endless));
  ask_without_reading(16 * 1024, 100);
  endless->exchange.finish();
  rig().settle(5);
  EXPECT_LE(time_to_end(100s), 65s);
  ASSERT_FALSE(rig().connections.empty()) << "a stalled client is waited for without a deadline";
}

TEST_P(ConnectionTimersTest, a_client_that_asks_and_asks_and_never_reads) {
  const std::string body(100'000, 'b');
  SERVE([&](http::Exchange& x) { answer(x, body); });
  ask_without_reading(16 * 1024, 200, 200);
  EXPECT_LE(time_to_end(200s), 100s);
  ASSERT_FALSE(rig().connections.empty()) << "a stalled client is waited for without a deadline";
}

TEST_P(ConnectionTimersTest, response_total_also_holds_for_answers_given_at_once) {
  server::Settings settings;
  settings.timeouts.response_total = 40s;
  SERVE([](http::Exchange& x) { EXPECT_TRUE(x.respond_owned({}, std::string(20'000'000, 'o'))); },
        settings);
  Client& client = ask_without_reading(16 * 1024, 50);
  char some[8 * 1024];
  for (int i = 0; i < 40 && rig().connections.empty(); ++i) {  // a slow but living client
    EXPECT_GT(::recv(client.fd(), some, sizeof some, MSG_DONTWAIT), 0);
    rig().settle(3);
    rig().advance(2s);
  }
  ASSERT_FALSE(rig().connections.empty());
  EXPECT_EQ(ending().cause, Cause::timeout_response_total);
}

/// A closing connection whose client does not read must be looked at, not spun upon.
TEST_P(ConnectionTimersTest, a_closing_connection_does_not_keep_the_loop_busy) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    head.close = true;
    EXPECT_TRUE(x.respond_owned(head, std::string(600'000, 'o')));
  });
  ask_without_reading(4 * 1024, 50);
  ASSERT_TRUE(rig().connections.empty());
  rig().advance(6s);  // past linger, before the end of flush
  rig().settle(5);
  const auto since = std::chrono::steady_clock::now();
  rig().settle(20);
  EXPECT_GE(std::chrono::steady_clock::now() - since, 15ms)
      << "the loop does not wait: a timer is due all the time";
  EXPECT_LE(time_to_end(60s), 60s);
  ASSERT_FALSE(rig().connections.empty());
  EXPECT_TRUE(ending().cause == Cause::timeout_flush || ending().cause == Cause::network_vanished);
}

TEST_P(ConnectionTimersTest, idle_is_advertised_and_kept_with_a_margin) {
  SERVE(answer_x);
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).header("Keep-Alive"), "timeout=75");
  rig().advance(74s, 2s);
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  rig().advance(75s, 2s);
  EXPECT_FALSE(client.gone());
  rig().advance(2s);
  EXPECT_TRUE(client.at_end);
  const record::Ending end = ending_on_close(client);
  EXPECT_EQ(end.cause, Cause::timeout_idle);
  EXPECT_EQ(end.phase, Phase::idle);
  EXPECT_EQ(end.delivered, record::Delivered::all);
  EXPECT_GE(end.evidence.idle_us, 76'000'000U);
}

TEST_P(ConnectionTimersTest, a_request_that_meets_our_idle_fin_is_not_silence) {
  SERVE(answer_x);
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  client.reading = false;
  rig().advance(80s, 2s);
  client.send(kGet);
  rig().settle(5);
  const record::Ending end = ending_on_close(client);
  EXPECT_EQ(end.cause, Cause::timeout_idle_raced);
  EXPECT_EQ(end.severity, record::Severity::fault);
}

TEST_P(ConnectionTimersTest, lifetime_ends_idle_connections_and_those_that_answer) {
  server::Settings settings;
  settings.timeouts.lifetime = 30s;
  SERVE(answer_x, settings);
  Client& idle = rig().connect();
  Client& busy = rig().connect();
  EXPECT_EQ(rig().ask(idle, kGet).status, 200);
  EXPECT_EQ(rig().ask(busy, kGet).header("Connection"), "keep-alive");
  rig().clock().advance(31s);  // the request and the deadline meet in one turn: bytes win
  EXPECT_EQ(rig().ask(busy, kGet).header("Connection"), "close");
  EXPECT_TRUE(rig().until([&] { return idle.at_end && busy.at_end; }));
  idle.close();
  busy.close();
  ASSERT_TRUE(rig().ended(2));
  for (const SeenConnection& seen : rig().connections)
    EXPECT_EQ(seen.ending.cause, Cause::timeout_lifetime);
}

TEST_P(ConnectionTimersTest, lifetime_ends_a_request_that_its_client_drags_out) {
  server::Settings settings;
  settings.timeouts.lifetime = 2s;
  SERVE(echo, settings);
  struct Row {
    std::string_view sent;
    Phase phase;
  };
  std::size_t ends = 0;
  for (const Row& row :
       {Row{"GET / HTTP/1.1\r\nHo", Phase::head},
        Row{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf", Phase::body}}) {
    Client& client = rig().connect();
    client.send(row.sent);
    rig().settle(10);
    rig().advance(3s);
    EXPECT_TRUE(rig().until([&] { return client.at_end; }));
    EXPECT_EQ(client.received, "");
    client.close();
    ASSERT_TRUE(rig().ended(++ends));
    EXPECT_EQ(ending().cause, Cause::timeout_lifetime);
    EXPECT_EQ(ending().phase, row.phase);
    ASSERT_EQ(rig().requests.size(), ends);
    const record::Ending& request = rig().requests.back().ending;
    EXPECT_EQ(request.cause, Cause::timeout_lifetime);
    EXPECT_EQ(request.phase, row.phase);
    EXPECT_EQ(request.delivered, record::Delivered::nothing_owed);
    EXPECT_TRUE(record::info(request.cause).ends_request);
  }
}

}  // namespace
}  // namespace finack::tests
