// Listeners that come, change and go while a worker serves.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::Phase;
using server::ListenerOptions;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

void answer_x(http::Exchange& x) { answer(x, "x"); }

server::Settings idle_after(Nanos idle) {
  server::Settings settings;
  settings.timeouts.idle = idle;
  settings.timeouts.idle_margin = 0s;
  return settings;
}

class ReloadTest : public ServerTest {
 protected:
  static ListenerOptions with(const ListenerOptions& before, const server::Settings& settings) {
    ListenerOptions after = before;
    after.settings = settings;
    return after;
  }
  /// Turns until all of it was done.
  void reload(std::vector<ListenerOptions> next) {
    const auto progress = rig().reload(std::move(next));
    EXPECT_TRUE(rig().until([&] {
      rig().clock().advance(1ms);
      return progress->wait(0ns);
    }));
  }
  /// A second listener beside the first; its port.
  std::uint16_t listen_also(const server::Settings& settings = {}) {
    second_ = {.spec = "127.0.0.1:0", .name = "second", .settings = settings};
    return rig().listen(settings, second_.name);
  }
  std::vector<ListenerOptions> only_first() { return {rig().first_listener()}; }
  SeenConnection* seen(Cause cause) {
    const auto at = std::ranges::find_if(
        rig().connections, [&](const SeenConnection& one) { return one.ending.cause == cause; });
    return at == rig().connections.end() ? nullptr : &*at;
  }
  static bool refused(std::uint16_t port) {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
           errno == ECONNREFUSED;
  }

  ListenerOptions second_;
};
FINACK_SERVER_SUITE(ReloadTest);

/// What a client was promised holds until it asks again.
TEST_P(ReloadTest, live_connections_take_other_settings_with_their_next_request) {
  SERVE(answer_x, idle_after(30s));
  Client& asks = rig().connect();
  Client& rests = rig().connect();
  EXPECT_EQ(rig().ask(asks, kGet).header("Keep-Alive"), "timeout=30");
  EXPECT_EQ(rig().ask(rests, kGet).header("Keep-Alive"), "timeout=30");
  reload({with(rig().first_listener(), idle_after(5s))});
  EXPECT_EQ(rig().ask(rig().connect(), kGet).header("Keep-Alive"), "timeout=5") << "a new one";
  EXPECT_EQ(rig().ask(asks, kGet).header("Keep-Alive"), "timeout=5");
  rig().advance(6s);
  ASSERT_TRUE(rig().until([&] { return asks.at_end; }));
  EXPECT_FALSE(rests.gone());
  asks.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.evidence.setting_value,
            static_cast<std::uint64_t>(Nanos(5s).count()));
  rig().advance(26s);
  ASSERT_TRUE(rig().until([&] { return rests.at_end; }));
  rests.close();
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 3; }));
  EXPECT_EQ(rig().connections[2].ending.cause, Cause::timeout_idle);
  EXPECT_EQ(rig().connections[2].ending.evidence.setting_value,
            static_cast<std::uint64_t>(Nanos(30s).count()))
      << "the record names the time that it waited";
}

TEST_P(ReloadTest, a_request_under_way_ends_by_the_settings_it_began_with) {
  http::Exchange* late = nullptr;
  server::Settings before;
  before.server_header = "before";
  SERVE([&](http::Exchange& x) { late = &x; }, before);
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
  server::Settings after;
  after.server_header = "after";
  reload({with(rig().first_listener(), after)});
  answer(*late, "x");
  EXPECT_EQ(rig().response(client).header("Server"), "before");
  late = nullptr;
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
  answer(*late, "x");
  EXPECT_EQ(rig().response(client).header("Server"), "after");
}

/// Far more than a worker may have at a time, if each stayed.
TEST_P(ReloadTest, settings_that_nobody_goes_by_any_more_are_forgotten) {
  SERVE(answer_x);
  Client& client = rig().connect();
  server::Settings settings;
  for (int i = 1; i <= 300; ++i) {
    settings.server_header = "v" + std::to_string(i);
    reload({with(rig().first_listener(), settings)});
    ASSERT_EQ(rig().ask(client, kGet).header("Server"), settings.server_header);
  }
  EXPECT_LT(rig().sites(), 4U);
}

/// Of a handler that still runs: it goes by them although its connection is gone.
TEST_P(ReloadTest, settings_outlive_the_connection_with_its_handler) {
  http::Exchange* late = nullptr;
  SERVE([&](http::Exchange& x) { late = &x; });
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
  server::Settings settings;
  settings.server_header = "after";
  reload({with(rig().first_listener(), settings)});
  client.reset();
  ASSERT_TRUE(rig().ended());
  rig().settle(5);
  EXPECT_EQ(rig().sites(), 2U);
  EXPECT_EQ(late->write("x"), http::WriteState::gone);
  late->abort(Cause::app_abort);
  EXPECT_TRUE(rig().until([&] { return rig().sites() == 1; }));
}

TEST_P(ReloadTest, limits_count_those_who_were_there_before) {
  server::Settings settings;
  settings.limits.connections = 4;
  http::Exchange* held = nullptr;
  SERVE(
      [&](http::Exchange& x) {
        if (x.request().target == "/hold") {
          held = &x;
        } else {
          answer(x, "x");
        }
      },
      settings);
  Client& busy = rig().connect();
  busy.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return held != nullptr; }));
  settings.limits.connections = 1;
  reload({with(rig().first_listener(), settings)});
  Client& beyond = rig().connect();
  ASSERT_TRUE(rig().until([&] { return beyond.gone(); }));
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::policy_connection_limited);
  EXPECT_EQ(rig().connections[0].ending.evidence.setting_value, 1U);
  answer(*held, "x");
  EXPECT_EQ(rig().response(busy).status, 200);
}

/// Who came before there was such a limit leaves no hole in it.
TEST_P(ReloadTest, a_limit_by_address_counts_from_when_it_is_set) {
  SERVE(answer_x);
  Client& before = rig().connect();
  EXPECT_EQ(rig().ask(before, kGet).status, 200);
  server::Settings settings;
  settings.limits.connections_per_address = 1;
  reload({with(rig().first_listener(), settings)});
  Client& first = rig().connect();
  EXPECT_EQ(rig().ask(first, kGet).status, 200);
  EXPECT_EQ(rig().ask(before, kGet).status, 200);
  before.close();
  ASSERT_TRUE(rig().ended());
  rig().settle(5);
  Client& second = rig().connect();
  ASSERT_TRUE(rig().until([&] { return second.gone(); })) << "the limit was used up by the first";
}

TEST_P(ReloadTest, a_listener_comes_and_the_others_notice_nothing) {
  SERVE(answer_x);
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  server::Settings settings;
  settings.server_header = "new";
  reload({rig().first_listener(), {.spec = "127.0.0.1:0", .name = "new", .settings = settings}});
  const std::string address = rig().addresses().at(1);
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
  Client& newcomer = rig().connect(0, port);
  EXPECT_EQ(rig().ask(newcomer, kGet).header("Server"), "new");
  EXPECT_EQ(rig().ask(client, kGet).header("Server"), "");
  EXPECT_TRUE(rig().connections.empty());
}

TEST_P(ReloadTest, a_listener_that_goes_retires_the_idle_and_lets_the_busy_finish) {
  http::Exchange* late = nullptr;
  SERVE([&](http::Exchange& x) {
    if (x.request().target == "/late") {
      late = &x;
    } else {
      answer(x, "x");
    }
  });
  const std::uint16_t port = listen_also();
  Client& stays = rig().connect();
  EXPECT_EQ(rig().ask(stays, kGet).status, 200);
  Client& idle = rig().connect(0, port);
  EXPECT_EQ(rig().ask(idle, kGet).status, 200);
  Client& busy = rig().connect(0, port);
  busy.send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
  Client& fresh = rig().connect(0, port);
  ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
  rig().settle(5);
  Client& waits = rig().connect(0, port);  // in the backlog
  waits.send(kGet);
  reload(only_first());
  EXPECT_TRUE(refused(port));
  EXPECT_TRUE(rig().until([&] { return idle.at_end; }));
  for (Client* one : {&waits, &fresh}) {
    if (one == &fresh) fresh.send(kGet);
    const Response response = rig().response(*one);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("Connection"), "close");
  }
  answer(*late, "done");
  const Response response = rig().response(busy);
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(response.header("Connection"), "close");
  for (Client* client : {&idle, &busy, &fresh, &waits}) client->close();
  ASSERT_TRUE(rig().ended(4));
  for (const SeenConnection& one : rig().connections) {
    EXPECT_EQ(one.ending.cause, Cause::operator_reload_retired);
    EXPECT_EQ(one.ending.delivered, record::Delivered::all);
    EXPECT_EQ(one.listener, "second");
  }
  for (const SeenRequest& one : rig().requests)
    EXPECT_EQ(one.ending.cause, Cause::ok_completed) << one.target;
  EXPECT_EQ(rig().ask(stays, kGet).header("Connection"), "keep-alive");
  EXPECT_TRUE(rig().until([&] { return rig().sites() == 1; }));
}

TEST_P(ReloadTest, a_fresh_connection_of_it_that_says_nothing_goes_after_a_second) {
  SERVE(answer_x);
  const std::uint16_t port = listen_also();
  Client& fresh = rig().connect(0, port);
  rig().settle(5);
  reload(only_first());
  rig().advance(500ms);
  EXPECT_FALSE(fresh.gone());
  rig().advance(1s);
  ASSERT_TRUE(rig().until([&] { return fresh.at_end; }));
  fresh.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::operator_reload_retired);
  EXPECT_EQ(rig().connections[0].ending.phase, Phase::fresh);
}

TEST_P(ReloadTest, its_deadline_cuts_what_is_left_and_the_exit_status_does_not_tell) {
  std::vector<http::Exchange*> waiting;
  SERVE([&](http::Exchange& x) { waiting.push_back(&x); });
  server::Settings settings;
  settings.timeouts.drain = 3s;
  const std::uint16_t port = listen_also(settings);
  Client& stays = rig().connect();
  Client& goes = rig().connect(0, port);
  stays.send(kGet);
  goes.send(kGet);
  ASSERT_TRUE(rig().until([&] { return waiting.size() == 2; }));
  reload(only_first());
  rig().advance(2500ms);
  EXPECT_FALSE(goes.gone());
  rig().advance(1s);
  ASSERT_TRUE(rig().until([&] { return goes.was_reset; }));
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::timeout_drain);
  EXPECT_EQ(rig().connections[0].ending.evidence.setting_value,
            static_cast<std::uint64_t>(Nanos(3s).count()));
  EXPECT_EQ(rig().worker().cut_connections(), 0U);
  EXPECT_FALSE(stays.gone());
  for (http::Exchange* x : waiting) answer(*x, "x");
  EXPECT_EQ(rig().response(stays).header("Connection"), "keep-alive");
}

/// Connections that go by earlier settings are its own, too.
TEST_P(ReloadTest, a_listener_that_changed_and_goes_takes_all_its_connections_along) {
  SERVE(answer_x);
  const std::uint16_t port = listen_also();
  Client& before = rig().connect(0, port);
  EXPECT_EQ(rig().ask(before, kGet).status, 200);
  server::Settings settings;
  settings.server_header = "after";
  reload({rig().first_listener(), with(second_, settings)});
  Client& after = rig().connect(0, port);
  EXPECT_EQ(rig().ask(after, kGet).header("Server"), "after");
  reload(only_first());
  ASSERT_TRUE(rig().until([&] { return before.at_end && after.at_end; }));
  before.close();
  after.close();
  ASSERT_TRUE(rig().ended(2));
  for (const SeenConnection& one : rig().connections)
    EXPECT_EQ(one.ending.cause, Cause::operator_reload_retired);
  EXPECT_TRUE(rig().until([&] { return rig().sites() == 1; }));
}

TEST_P(ReloadTest, a_drain_takes_over_what_was_leaving) {
  http::Exchange* late = nullptr;
  SERVE([&](http::Exchange& x) { late = &x; });
  const std::uint16_t port = listen_also();
  Client& busy = rig().connect(0, port);
  busy.send(kGet);
  ASSERT_TRUE(rig().until([&] { return late != nullptr; }));
  reload(only_first());
  Client& other = rig().connect();
  rig().settle(5);
  rig().worker().drain();
  rig().advance(1500ms);
  EXPECT_FALSE(busy.gone());
  answer(*late, "x");
  EXPECT_EQ(rig().response(busy).header("Connection"), "close");
  busy.close();
  other.close();
  ASSERT_TRUE(rig().ended(2));
  EXPECT_NE(seen(Cause::operator_reload_retired), nullptr);
  EXPECT_NE(seen(Cause::operator_shutdown), nullptr);
}

}  // namespace
}  // namespace finack::tests
