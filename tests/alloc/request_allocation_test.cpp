// A keep-alive request through the real worker and the route engine allocates nothing once warm.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "finack/route/engine.h"
#include "support/allocations.h"
#include "support/server_rig.h"

namespace finack::tests {
namespace {

constexpr int kWarmUp = 50;
constexpr int kCounted = 500;

class RequestAllocationTest : public ServerTest {
 protected:
  RequestAllocationTest() {
    engine_.get("/ping", [](route::Context& c) { c.string(200, "pong"); });
    engine_.post("/echo",
                 [](route::Context& c) { c.data(200, "application/octet-stream", c.body()); });
    engine_.get("/users/:id", [](route::Context& c) { c.string(200, c.param("id")); });
  }

  /// One request and its answer; only the worker's turns are counted.
  bool exchange(Client& client, std::string_view request, std::string_view end_of_answer) {
    if (::send(client.fd(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
    received_.clear();
    for (int turns = 0; turns < 1'000 && !received_.ends_with(end_of_answer); ++turns) {
      if (warm_) go_on_counting();
      rig().worker().loop().run_once(std::chrono::milliseconds(1));
      stop_counting();
      char chunk[16 * 1024];
      const ssize_t n = ::recv(client.fd(), chunk, sizeof chunk, MSG_DONTWAIT);
      if (n > 0) received_.append(chunk, static_cast<std::size_t>(n));
    }
    return received_.ends_with(end_of_answer);
  }

  void expect_none(std::string_view request, std::string_view end_of_answer) {
    SERVE([this](http::Exchange& x) { engine_.handle(x); });
    Client& client = rig().connect();
    client.reading = false;
    for (int i = 0; i < kWarmUp; ++i) ASSERT_TRUE(exchange(client, request, end_of_answer));
    rig().settle(3);
    start_counting();
    stop_counting();
    warm_ = true;
    for (int i = 0; i < kCounted; ++i) ASSERT_TRUE(exchange(client, request, end_of_answer));
    const std::size_t allocations = stop_counting();
    EXPECT_EQ(allocations, 0U) << "in " << kCounted << " requests";
    if (allocations > 0) print_first_allocation();
  }

  route::Engine engine_;
  std::string received_;
  bool warm_ = false;
};
FINACK_SERVER_SUITE(RequestAllocationTest);

TEST_P(RequestAllocationTest, the_counter_counts) {
  start_counting();
  const std::string text(100, 'x');
  EXPECT_EQ(stop_counting(), 1U) << text;
}

TEST_P(RequestAllocationTest, ping) {
  expect_none("GET /ping HTTP/1.1\r\nHost: h\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n",
              "\r\n\r\npong");
}

TEST_P(RequestAllocationTest, a_parameter) {
  expect_none("GET /users/17 HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n17");
}

TEST_P(RequestAllocationTest, echo) {
  expect_none(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + std::string(1'000, 'e'),
      std::string(1'000, 'e'));
}

TEST_P(RequestAllocationTest, pipelined_pings) {
  std::string many;
  for (int i = 0; i < 7; ++i) many += "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n";
  many += "GET /users/last HTTP/1.1\r\nHost: h\r\n\r\n";
  expect_none(many, "\r\n\r\nlast");
}

TEST_P(RequestAllocationTest, not_found) {
  expect_none("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", "404 page not found");
}

}  // namespace
}  // namespace finack::tests
