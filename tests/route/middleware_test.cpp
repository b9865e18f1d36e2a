#include "finack/route/middleware.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/fake_exchange.h"

namespace finack::route {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::MatchesRegex;
using tests::FakeExchange;

class LoggerTest : public testing::Test {
 protected:
  LoggerTest() {
    engine.use(logger([this](std::string_view line) { lines.emplace_back(line); }));
  }
  Engine engine;
  std::vector<std::string> lines;
};

constexpr const char* kStamp = "^20[0-9-]{8}T[0-9:.]{12}Z ";

TEST_F(LoggerTest, one_line_a_request) {
  engine.get("/users/:id", [](Context& c) { c.string(201, "x"); });
  FakeExchange x("GET", "/users/7?secret=1");
  engine.handle(x);
  EXPECT_THAT(lines,
              ElementsAre(ContainsRegex(std::string(kStamp) +
                                        "201 [0-9.]+ms 127.0.0.1 GET /users/7 route=/users/:id$")));
}

TEST_F(LoggerTest, tells_causes_and_waits_for_coroutines) {
  engine.get("/co", [](Context& c) -> Task<> { co_await c.sleep(1500ms); });
  FakeExchange late("GET", "/co");
  engine.handle(late);
  EXPECT_TRUE(lines.empty());
  late.advance(1500ms);
  FakeExchange gone("GET", "/co");
  engine.handle(gone);
  gone.leave();
  FakeExchange missing("GET", "/none");
  engine.handle(missing);
  EXPECT_THAT(lines, ElementsAre(ContainsRegex("500 1500.000ms .* cause=app.no_reply$"),
                                 ContainsRegex("Z - .* cause=client.left_waiting$"),
                                 ContainsRegex("404 .* GET /none cause=policy.no_route$")));
}

TEST(Logger, without_a_sink_it_writes_where_the_engine_says) {
  Engine engine;
  engine.use(logger());
  engine.get("/", [](Context& c) { c.string(200, "x"); });
  std::vector<std::string> lines;
  engine.log_to([&](std::string_view line) { lines.emplace_back(line); });
  FakeExchange x("GET", "/");
  engine.handle(x);
  EXPECT_THAT(lines, ElementsAre(ContainsRegex("200 .* GET / route=/$")));
}

TEST(Recovery, hook_decides_the_answer) {
  Engine engine;
  std::string heard;
  engine.use(recovery([&heard](Context& c, std::string_view what) {
    heard = what;
    c.json(500, {{"error", "internal"}});
  }));
  engine.get("/", [](Context&) { throw std::runtime_error("boom"); });
  engine.get("/stream", [](Context& c) -> Task<> {
    co_await c.write("abc");
    throw std::runtime_error("mid-stream");
  });
  FakeExchange x("GET", "/");
  engine.handle(x);
  EXPECT_EQ(heard, "boom");
  EXPECT_EQ(x.status, 500);
  EXPECT_EQ(x.body, R"({"error":"internal"})");
  EXPECT_EQ(x.cause, Cause::app_failed);
  EXPECT_EQ(x.exception, "boom");
  FakeExchange cut("GET", "/stream");
  engine.handle(cut);
  EXPECT_EQ(cut.aborted, Cause::app_failed);
  EXPECT_EQ(cut.exception, "mid-stream");
}

TEST(Recovery, without_an_answer_or_with_a_throwing_hook_the_plain_500_goes_out) {
  for (const bool throws : {false, true}) {
    Engine engine;
    engine.use(recovery([throws](Context&, std::string_view) {
      if (throws) throw std::logic_error("the hook too");
    }));
    engine.get("/", [](Context&) { throw std::runtime_error("boom"); });
    FakeExchange x("GET", "/");
    engine.handle(x);
    EXPECT_EQ(x.aborted, Cause::app_failed);
    EXPECT_EQ(x.exception, "boom");
  }
}

TEST(RequestId, sane_ones_are_kept_others_made) {
  Engine engine;
  engine.use(request_id());
  engine.get("/", [](Context& c) { c.string(200, c.request_id()); });
  FakeExchange kept("GET", "/");
  kept.add_header("x-request-id", "abc-123");
  engine.handle(kept);
  EXPECT_EQ(kept.request_id, "abc-123");
  EXPECT_EQ(kept.header_sent("X-Request-Id"), "abc-123");
  std::string last;
  for (const std::string& offered :
       {std::string("has space"), std::string("a\"b"), std::string(129, 'a'), std::string()}) {
    FakeExchange made("GET", "/");
    made.add_header("X-Request-Id", offered);
    engine.handle(made);
    EXPECT_THAT(made.body, MatchesRegex("[0-9a-f]{32}"));
    EXPECT_NE(made.body, last);
    EXPECT_EQ(made.request_id, made.body);
    last = made.body;
  }
}

TEST(OnFinished, runs_last_first_and_a_throw_fails_the_request) {
  Engine engine;
  std::string order;
  engine.get("/", [&order](Context& c) {
    c.on_finished([&order](Context&) { order += "1"; });
    c.on_finished([&order](Context& done) {
      order += "2";
      done.header("X-Late", "yes");
    });
    c.string(200, "x");
  });
  engine.get("/throw", [](Context& c) {
    c.on_finished([](Context&) { throw std::runtime_error("hook"); });
    c.string(200, "x");
  });
  FakeExchange x("GET", "/");
  engine.handle(x);
  EXPECT_EQ(order, "21");
  EXPECT_EQ(x.header_sent("X-Late"), "yes");
  FakeExchange bad("GET", "/throw");
  engine.handle(bad);
  EXPECT_EQ(bad.aborted, Cause::app_failed);
  EXPECT_EQ(bad.exception, "hook");
}

}  // namespace
}  // namespace finack::route
