// Workers on threads of their own: the whole of serving, and the watchdog.
#include "server/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <thread>

#include "finack/record/drainer.h"
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

/// Asks on a connection of its own and reads until the server closes.
std::string ask_once(const std::string& address, std::string_view target) {
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return "refused";
  const timeval limit{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string request =
      "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string all;
  char chunk[4096];
  for (;;) {
    const ssize_t n = ::recv(fd.get(), chunk, sizeof chunk, 0);
    if (n == 0) return all;
    if (n < 0 && errno == EINTR) continue;  // the exit of a ring of this thread interrupts it
    if (n < 0) return all + "|recv: " + std::strerror(errno);
    all.append(chunk, static_cast<std::size_t>(n));
  }
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
  const std::string address = server_->addresses().at(0);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ask_once(address, "/").ends_with("\r\n\r\nx"));
  server_->drain();
  EXPECT_EQ(server_->join(), 0U);
  EXPECT_TRUE(server_->finished());
  EXPECT_EQ(sum([](const record::Counters& c) { return c.connections.opened.get(); }), 20U);
  EXPECT_EQ(sum([](const record::Counters& c) { return c.connections.ended.get(); }), 20U);
  EXPECT_EQ(sum([](const record::Counters& c) { return c.requests.ended.get(); }), 20U);
  EXPECT_EQ(ask_once(address, "/"), "refused");
}

TEST_P(ServerThreadsTest, the_watchdog_names_the_route_that_blocks_the_loop) {
  server_->start();
  const std::string address = server_->addresses().at(0);
  EXPECT_TRUE(ask_once(address, "/").ends_with("\r\n\r\nx"));
  const std::string slow = ask_once(address, "/slow");
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
  const std::string address = server_->addresses().at(0);
  std::jthread client([&] { ask_once(address, "/slow"); });
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
