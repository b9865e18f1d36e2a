#include <gtest/gtest.h>

#include <string>

#include "finack/route/engine.h"
#include "finack/route/middleware.h"
#include "support/allocations.h"
#include "support/fake_exchange.h"

namespace finack::route {
namespace {

using tests::FakeExchange;

std::size_t allocations_of(Engine& engine, FakeExchange& x) {
  x.record_response = false;
  for (int i = 0; i < 3; ++i) {
    engine.handle(x);
    x.reset_response();
  }
  tests::start_counting();
  for (int i = 0; i < 100; ++i) {
    engine.handle(x);
    x.reset_response();
  }
  return tests::stop_counting();
}

TEST(Allocation, the_counter_counts) {
  tests::start_counting();
  const std::string text(100, 'x');
  EXPECT_EQ(tests::stop_counting(), 1U) << text;
}

TEST(Allocation, ping_and_echo_allocate_nothing) {
  Engine engine;
  engine.get("/ping", [](Context& c) { c.string(200, "pong"); });
  engine.post("/echo", [](Context& c) { c.data(200, "application/octet-stream", c.body()); });
  engine.get("/users/:id/*rest", [](Context& c) {
    c.header("X-Id", c.param("id"));
    c.string(200, c.param("rest"));
  });
  FakeExchange ping("GET", "/ping");
  EXPECT_EQ(allocations_of(engine, ping), 0U);
  FakeExchange echo("POST", "/echo");
  echo.set_body(std::string(1000, 'e'));
  EXPECT_EQ(allocations_of(engine, echo), 0U);
  FakeExchange params("GET", "/users/17/a/b");
  EXPECT_EQ(allocations_of(engine, params), 0U);
}

TEST(Allocation, nor_with_the_default_middleware) {
  Engine engine;
  std::size_t bytes = 0;
  engine.use(logger([&bytes](std::string_view line) { bytes += line.size(); }), recovery(),
             request_id());
  engine.get("/ping", [](Context& c) { c.string(200, "pong"); });
  FakeExchange ping("GET", "/ping");
  EXPECT_EQ(allocations_of(engine, ping), 0U);
  EXPECT_GT(bytes, 0U);
}

}  // namespace
}  // namespace finack::route
