// A keep-alive request through the real worker and the route engine allocates nothing once warm.
#include <execinfo.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <new>
#include <string>

#include "alloc/counting.h"
#include "finack/route/engine.h"
#include "support/server_rig.h"

namespace {

/// What this thread allocates while `counting`, and from where the first time.
thread_local bool counting = false;
thread_local std::size_t allocations = 0;
thread_local std::array<void*, 32> frames;
thread_local int frame_count = 0;

void count() {
  if (!counting) return;
  if (allocations++ == 0) {
    counting = false;  // backtrace may allocate itself
    frame_count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    counting = true;
  }
}

void* counted(std::size_t size) {
  count();
  if (void* place = std::malloc(size)) return place;
  throw std::bad_alloc();
}
void* counted(std::size_t size, std::align_val_t align) {
  count();
  const auto unit = static_cast<std::size_t>(align);
  if (void* place = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return place;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, std::align_val_t align) { return counted(size, align); }
void* operator new[](std::size_t size, std::align_val_t align) { return counted(size, align); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  count();
  return std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  count();
  return std::malloc(size);
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete[](void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t) noexcept { std::free(place); }
void operator delete(void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete[](void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete(void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }

namespace finack::tests {

void start_counting() {
  allocations = 0;
  counting = true;
}
void go_on_counting() { counting = true; }
std::size_t stop_counting() {
  counting = false;
  return allocations;
}

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
      counting = warm_;
      rig().worker().loop().run_once(std::chrono::milliseconds(1));
      counting = false;
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
    allocations = 0;
    warm_ = true;
    for (int i = 0; i < kCounted; ++i) ASSERT_TRUE(exchange(client, request, end_of_answer));
    EXPECT_EQ(allocations, 0U) << "in " << kCounted << " requests";
    if (allocations > 0) ::backtrace_symbols_fd(frames.data(), frame_count, 2);
  }

  route::Engine engine_;
  std::string received_;
  bool warm_ = false;
};
FINACK_SERVER_SUITE(RequestAllocationTest);

TEST_P(RequestAllocationTest, the_counter_counts) {
  allocations = 0;
  counting = true;
  const std::string text(100, 'x');
  counting = false;
  EXPECT_EQ(allocations, 1U) << text;
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
