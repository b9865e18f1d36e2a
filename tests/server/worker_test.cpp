// A worker as a whole: limits, eviction, the end of serving, fairness.
#include "server/worker.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::Phase;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

class WorkerTest : public ServerTest {
 protected:
  std::size_t count(Cause cause) {
    return static_cast<std::size_t>(
        std::count_if(rig().connections.begin(), rig().connections.end(),
                      [&](const SeenConnection& seen) { return seen.ending.cause == cause; }));
  }
};
FINACK_SERVER_SUITE(WorkerTest);

void answer_x(http::Exchange& x) { answer(x, "x"); }

TEST_P(WorkerTest, a_limit_of_a_file_is_named_with_its_place) {
  server::Settings settings;
  settings.limits.connections_per_address = 1;
  settings.path = "listeners[3].";
  SERVE(answer_x, settings);
  EXPECT_EQ(rig().ask(rig().connect(), kGet).status, 200);
  Client& second = rig().connect();
  EXPECT_TRUE(rig().until([&] { return second.gone(); }));
  ASSERT_TRUE(rig().ended());
  const record::Evidence& evidence = rig().connections[0].ending.evidence;
  EXPECT_STREQ(evidence.setting, "limits.connections_per_address");
  EXPECT_STREQ(evidence.setting_of, "listeners[3].");
}

TEST_P(WorkerTest, a_client_address_over_its_limit_is_refused) {
  server::Settings settings;
  settings.limits.connections_per_address = 2;
  SERVE(answer_x, settings);
  Client& first = rig().connect();
  Client& second = rig().connect();
  EXPECT_EQ(rig().ask(first, kGet).status, 200);
  EXPECT_EQ(rig().ask(second, kGet).status, 200);
  Client& third = rig().connect();
  EXPECT_TRUE(rig().until([&] { return third.gone(); }));
  ASSERT_TRUE(rig().ended());
  const record::Ending& ending = rig().connections[0].ending;
  EXPECT_EQ(ending.cause, Cause::policy_connection_limited);
  EXPECT_EQ(ending.phase, Phase::accept);
  EXPECT_STREQ(ending.evidence.setting, "max-connections-per-address");
  EXPECT_EQ(ending.evidence.setting_value, 2U);
  first.close();
  ASSERT_TRUE(rig().ended(2));
  rig().settle(3);
  EXPECT_EQ(rig().ask(rig().connect(), kGet).status, 200);
  EXPECT_EQ(rig().ask(second, kGet).status, 200) << "an address over its limit evicts nobody";
}

TEST_P(WorkerTest, the_longest_idle_connection_makes_room_for_a_new_one) {
  server::Settings settings;
  settings.limits.connections = 2;
  SERVE(answer_x, settings);
  Client& oldest = rig().connect();
  EXPECT_EQ(rig().ask(oldest, kGet).status, 200);
  rig().advance(1s);
  Client& other = rig().connect();
  EXPECT_EQ(rig().ask(other, kGet).status, 200);
  Client& fresh = rig().connect();
  EXPECT_EQ(rig().ask(fresh, kGet).status, 200) << "evicting did not let the new one in";
  EXPECT_TRUE(rig().until([&] { return oldest.at_end; }));
  EXPECT_FALSE(other.gone());
  oldest.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::policy_idle_evicted);
}

/// What is beyond the descriptors is shed; an idle connection goes to make room for the next.
TEST_P(WorkerTest, connections_beyond_the_descriptors_are_shed) {
  SERVE(answer_x);
  rig().limit_sockets(1);
  Client& idle = rig().connect();
  EXPECT_EQ(rig().ask(idle, kGet).status, 200);
  Client& beyond = rig().connect();
  ASSERT_TRUE(rig().until([&] { return beyond.gone() && idle.gone(); }));
  ASSERT_TRUE(rig().ended());
  const record::Ending& ending = rig().connections[0].ending;
  EXPECT_EQ(ending.cause, Cause::resource_descriptors);
  EXPECT_EQ(ending.phase, Phase::accept);
  EXPECT_STREQ(ending.evidence.resource, "descriptors");
  EXPECT_EQ(ending.evidence.setting, nullptr);
  Client& early = rig().connect();
  ASSERT_TRUE(rig().until([&] { return early.gone(); })) << "the evicted one is still open";
  idle.close();
  ASSERT_TRUE(rig().ended(3));
  EXPECT_EQ(count(Cause::policy_idle_evicted), 1U);
  rig().settle(3);
  EXPECT_EQ(rig().ask(rig().connect(), kGet).status, 200);
}

/// Each refused one costs an idle one its place only while no other is on its way out: a flood must
/// not empty the server.
TEST_P(WorkerTest, a_flood_of_refused_connections_evicts_few) {
  constexpr std::size_t kIdle = 12;
  SERVE(answer_x);
  rig().limit_sockets(kIdle);
  std::vector<Client*> idle;
  for (std::size_t i = 0; i < kIdle; ++i) {
    idle.push_back(&rig().connect());
    ASSERT_EQ(rig().ask(*idle.back(), kGet).status, 200);
  }
  for (std::size_t i = 0; i < kIdle; ++i) {
    Client& refused = rig().connect();
    ASSERT_TRUE(rig().until([&] { return refused.gone(); }));
  }
  rig().settle(5);
  const auto left = std::ranges::count_if(idle, [](const Client* one) { return one->at_end; });
  EXPECT_EQ(left, 1);
  EXPECT_EQ(count(Cause::resource_descriptors), kIdle);
  for (Client* one : idle) {
    if (one->at_end) one->close();
  }
  ASSERT_TRUE(rig().until([&] { return count(Cause::policy_idle_evicted) == 1; }));
  EXPECT_EQ(rig().ask(rig().connect(), kGet).status, 200) << "there is a place again";
}

TEST_P(WorkerTest, busy_connections_are_not_evicted) {
  server::Settings settings;
  settings.limits.connections = 1;
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) { exchange = &x; }, settings);
  Client& busy = rig().connect();
  busy.send(kGet);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  Client& refused = rig().connect();
  EXPECT_TRUE(rig().until([&] { return refused.gone(); }));
  answer(*exchange, "x");
  EXPECT_EQ(rig().response(busy).status, 200);
  EXPECT_EQ(count(Cause::policy_connection_limited), 1U);
}

TEST_P(WorkerTest, draining_retires_the_idle_and_lets_the_busy_finish) {
  http::Exchange* late = nullptr;
  SERVE([&](http::Exchange& x) {
    if (x.request().target == "/late") {
      late = &x;
    } else {
      answer(x, "x");
    }
  });
  Client& idle = rig().connect();
  EXPECT_EQ(rig().ask(idle, kGet).status, 200);
  Client& busy = rig().connect();
  busy.send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
  Client& fresh = rig().connect();
  ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
  rig().settle(5);
  rig().worker().drain();
  EXPECT_TRUE(rig().until([&] { return idle.at_end; }));
  fresh.send(kGet);
  Response response = rig().response(fresh);
  EXPECT_EQ(response.status, 200) << "its request was on the way";
  EXPECT_EQ(response.header("Connection"), "close");
  answer(*late, "done");
  response = rig().response(busy);
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(response.header("Connection"), "close");
  for (Client* client : {&idle, &busy, &fresh}) client->close();
  ASSERT_TRUE(rig().ended(3));
  EXPECT_EQ(count(Cause::operator_shutdown), 3U);
  EXPECT_EQ(rig().worker().cut_connections(), 0U);
}

TEST_P(WorkerTest, the_drains_deadline_cuts_what_is_left) {
  server::Settings settings;
  settings.timeouts.drain = 3s;
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) { exchange = &x; }, settings);
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  rig().worker().drain();
  rig().advance(2s);
  EXPECT_FALSE(client.gone());
  rig().advance(2s);
  EXPECT_TRUE(rig().until([&] { return client.gone(); }));
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::timeout_drain);
  EXPECT_EQ(rig().worker().cut_connections(), 1U);
  EXPECT_TRUE(static_cast<bool>(exchange->left()));
  exchange->abort(Cause::app_abort);
}

TEST_P(WorkerTest, forcing_cuts_at_once_and_tells_handlers) {
  bool woken = false;
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) {
    exchange = &x;
    x.sleep(100s, [&] { woken = true; });
  });
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  rig().worker().force();
  ASSERT_TRUE(rig().ended());
  EXPECT_TRUE(woken);
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::operator_shutdown_forced);
  EXPECT_EQ(rig().worker().cut_connections(), 1U);
  exchange->abort(Cause::app_abort);
  rig().settle(3);
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::operator_shutdown_forced);
}

/// A handler that never lets go is not waited for after a forced end, and its request is recorded.
TEST_P(WorkerTest, a_forced_end_settles_the_requests_of_handlers_that_never_let_go) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) { exchange = &x; });
  Client& client = rig().connect();
  client.send(kGet);
  rig().settle(10);
  rig().worker().force();
  ASSERT_TRUE(rig().ended());
  rig().settle(5);
  EXPECT_EQ(rig().counters().requests.opened.get(), 1U);
  EXPECT_EQ(rig().counters().requests.ended.get(), 1U);
  exchange->abort(Cause::app_abort);  // what it holds is given back when it lets go after all
  rig().settle(3);
}

/// A client that reads as fast as we write must not keep the loop from the others.
TEST_P(WorkerTest, an_endless_stream_leaves_others_their_turn) {
  struct Endless : std::enable_shared_from_this<Endless> {
    explicit Endless(http::Exchange& x) : exchange(x) {}
    void go() {
      const std::string piece(64 * 1024, 'e');
      for (;;) {
        const http::WriteState state = exchange.write(piece);
        if (state == http::WriteState::gone) return exchange.abort(Cause::app_abort);
        if (state == http::WriteState::wait)
          return exchange.on_write_ready([self = shared_from_this()] { self->go(); });
      }
    }
    http::Exchange& exchange;
  };
  SERVE([](http::Exchange& x) {
    if (x.request().target == "/ping") return answer(x, "pong");
    EXPECT_TRUE(x.start({}));
    std::make_shared<Endless>(x)->go();
  });
  Client& greedy = rig().connect();
  greedy.reading = false;
  greedy.send(kGet);
  std::atomic<bool> stop{false};
  std::jthread reader([&] {
    std::string into(1 << 20, '\0');
    while (!stop) ::recv(greedy.fd(), into.data(), into.size(), MSG_DONTWAIT);
  });
  rig().settle(10);
  Client& polite = rig().connect();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(rig().ask(polite, "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n").body, "pong");
  stop = true;
}

TEST_P(WorkerTest, the_books_balance_over_many_kinds_of_ends) {
  SERVE([](http::Exchange& x) {
    if (x.request().framing != http::Framing::none) return echo(x);
    if (x.request().target == "/abort") return x.abort(Cause::app_abort);
    answer(x, x.request().target);
  });
  const std::string_view scripts[] = {
      "",
      "GET",
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET",
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n",
      "GET /abort HTTP/1.1\r\nHost: h\r\n\r\n",
      "BAD\r\n\r\n",
      "\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
  };
  std::size_t n = 0;
  for (const std::string_view script : scripts) {
    for (int end = 0; end < 6; ++end) {
      SCOPED_TRACE(std::string(script) + "|" + std::to_string(end));
      Client& client = rig().connect();
      client.send(script);
      if (end % 2 == 1) rig().settle(4);
      if (end < 2) client.finish();
      if (end == 2 || end == 3) client.reset();
      if (end > 3) {
        client.pump();
        client.close();
      }
      rig().settle(2);
      ASSERT_TRUE(rig().until([&] {
        rig().clock().advance(50ms);
        return rig().connections.size() > n || rig().worker().live() == 0;
      }));
      n = rig().connections.size();
    }
  }
  EXPECT_EQ(rig().counters().requests.opened.get(), rig().counters().requests.ended.get());
  EXPECT_EQ(rig().counters().connections.opened.get(), rig().counters().connections.ended.get());
  for (const SeenConnection& seen : rig().connections) {
    const record::CauseInfo& info = record::info(seen.ending.cause);
    EXPECT_TRUE(info.server && info.ends_connection &&
                info.server_phases.contains(seen.ending.phase))
        << info.name << " in " << record::name(seen.ending.phase);
    EXPECT_NE(info.how.find(record::name(seen.ending.how)), std::string_view::npos)
        << info.name << " how " << record::name(seen.ending.how);
  }
  for (const SeenRequest& seen : rig().requests) {
    const record::CauseInfo& info = record::info(seen.ending.cause);
    EXPECT_TRUE(info.server && info.ends_request && info.server_phases.contains(seen.ending.phase))
        << info.name << " in " << record::name(seen.ending.phase);
  }
}

}  // namespace
}  // namespace finack::tests
