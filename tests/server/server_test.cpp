// Workers on threads of their own: the whole of serving, and the watchdog.
#include "server/server.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "finack/record/drainer.h"
#include "support/ask_once.h"
#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;

class Slow final : public http::Handler {
 public:
  void handle(http::Exchange& x) override {
    x.set_route(label_);
    if (x.request().target == "/slow") std::this_thread::sleep_for(120ms);
    answer(x, "x");
  }

 private:
  http::RouteLabel label_{"/slow"};
};

std::uint16_t port_of(const server::Server& server) {
  const std::string address = server.addresses().at(0);
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

class ServerThreadsTest : public ::testing::TestWithParam<net::Backend> {
 protected:
  void SetUp() override {
    server::Server::Options options;
    options.listen = {"127.0.0.1:0"};
    options.workers = 2;
    options.backend = GetParam();
    options.settings.loop_blocked = 40ms;
    auto made = server::Server::create(std::move(options), handler_);
    if (!made && GetParam() == net::Backend::io_uring)
      GTEST_SKIP() << "\n*** SKIPPED: io_uring is refused on this host: " << made.error().what;
    ASSERT_TRUE(made) << made.error().what;
    server_ = std::move(*made);
  }
  std::uint64_t sum(std::uint64_t (*of)(const record::Counters&)) {
    std::uint64_t all = 0;
    for (const record::Counters* counters : server_->counters()) all += of(*counters);
    return all;
  }

  Slow handler_;
  std::unique_ptr<server::Server> server_;
};
FINACK_SERVER_SUITE(ServerThreadsTest);

TEST_P(ServerThreadsTest, serves_drains_and_counts_what_its_clients_counted) {
  server_->start();
  const std::uint16_t port = port_of(*server_);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ask_once(port, "/").ends_with("\r\n\r\nx"));
  server_->drain();
  EXPECT_EQ(server_->join(), 0U);
  EXPECT_TRUE(server_->finished());
  EXPECT_EQ(sum([](const record::Counters& c) { return c.connections.opened.get(); }), 20U);
  EXPECT_EQ(sum([](const record::Counters& c) { return c.connections.ended.get(); }), 20U);
  EXPECT_EQ(sum([](const record::Counters& c) { return c.requests.ended.get(); }), 20U);
  EXPECT_EQ(ask_once(port, "/"), "refused");
}

TEST_P(ServerThreadsTest, the_watchdog_names_the_route_that_blocks_the_loop) {
  server_->start();
  const std::uint16_t port = port_of(*server_);
  EXPECT_TRUE(ask_once(port, "/").ends_with("\r\n\r\nx"));
  const std::string slow = ask_once(port, "/slow");
  EXPECT_TRUE(slow.ends_with("\r\n\r\nx")) << slow;
  server_->drain();
  server_->join();
  const auto blocked = static_cast<std::size_t>(record::Finding::loop_blocked);
  std::uint64_t found = 0;
  for (const record::Counters* counters : server_->counters())
    found += counters->findings[blocked].get();
  for (const record::Counters* counters : server_->counters()) {
    for (const auto* book : {&counters->connections, &counters->requests})
      for (const auto& row : book->endings.rows())
        EXPECT_EQ(row.key.cause, record::Cause::ok_completed) << record::name(row.key.cause);
  }
  EXPECT_EQ(found, 1U);
}

TEST_P(ServerThreadsTest, forcing_ends_it_although_a_client_stays) {
  server_->start();
  const std::uint16_t port = port_of(*server_);
  std::jthread client([&] { ask_once(port, "/slow"); });
  std::this_thread::sleep_for(20ms);
  server_->force();
  server_->join();
  EXPECT_TRUE(server_->finished());
}

TEST_P(ServerThreadsTest, a_server_that_never_started_is_just_destroyed) { server_.reset(); }

TEST_P(ServerThreadsTest, a_bad_address_is_an_error_with_its_reason) {
  server::Server::Options options;
  options.listen = {"127.0.0.1:0", "300.0.0.1:80"};
  options.backend = GetParam();
  const auto made = server::Server::create(std::move(options), handler_);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("300.0.0.1"), std::string::npos);
}

}  // namespace
}  // namespace finack::tests
