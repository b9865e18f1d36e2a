#include <gtest/gtest.h>

#include <string>

#include "finack/route/bind.h"
#include "finack/route/engine.h"
#include "finack/route/middleware.h"
#include "support/fake_exchange.h"

namespace finack::route {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using tests::FakeExchange;

class WaitsTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(touched_, 0); }
  void ask(FakeExchange& x) { engine.handle(x); }
  void done(const FakeExchange& x) { touched_ += x.touched_after_end; }
  Engine engine;

 private:
  int touched_ = 0;
};

TEST_F(WaitsTest, sleep_takes_its_time) {
  engine.get("/", [](Context& c) -> Task<> {
    co_await c.sleep(2s);
    c.string(200, "done");
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.advance(1999ms);
  EXPECT_FALSE(x.ended);
  x.advance(1ms);
  EXPECT_EQ(x.body, "done");
  done(x);
}

TEST_F(WaitsTest, leaving_ends_a_sleep_and_is_never_a_200) {
  bool cleaned = false;
  engine.get("/", [&cleaned](Context& c) -> Task<> {
    struct Clean {
      bool& flag;
      ~Clean() { flag = true; }
    } const clean{cleaned};
    co_await c.sleep(2s);
    c.string(200, "done");
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.leave();
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(x.aborted, Cause::client_left_waiting);
  EXPECT_EQ(x.status, 0);
  done(x);
}

TEST_F(WaitsTest, a_handler_may_catch_client_left_and_its_departure) {
  Cause seen = Cause::unknown;
  engine.get("/", [&seen](Context& c) -> Task<> {
    try {
      co_await c.sleep(2s);
    } catch (const client_left& left) {
      seen = left.departure().cause;
    }
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.leave();
  EXPECT_EQ(seen, Cause::client_left_waiting);
  EXPECT_EQ(x.aborted, Cause::client_left_waiting);
  done(x);
}

TEST_F(WaitsTest, an_exception_after_leaving_keeps_the_departures_cause) {
  engine.get("/", [](Context& c) -> Task<> {
    try {
      co_await c.sleep(2s);
    } catch (const client_left&) {
      throw std::runtime_error("clean-up failed");
    }
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.leave();
  EXPECT_EQ(x.aborted, Cause::client_left_waiting);
  EXPECT_EQ(x.exception, "clean-up failed");
  done(x);
}

TEST_F(WaitsTest, body_is_streamed_to_a_coroutine) {
  engine.post("/", [](Context& c) -> Task<> {
    std::string all;
    while (const auto piece = co_await c.read_body()) all.append("[").append(*piece).append("]");
    c.string(200, all);
  });
  FakeExchange x("POST", "/");
  x.expect_body();
  ask(x);
  x.feed("a");
  x.feed("b");
  x.end_body();
  EXPECT_EQ(x.body, "[a][b]");
  FakeExchange at_once("POST", "/");
  at_once.set_body("whole");
  ask(at_once);
  EXPECT_EQ(at_once.body, "[whole]");
  FakeExchange cut("POST", "/");
  cut.expect_body();
  ask(cut);
  cut.feed("a");
  cut.leave(Cause::client_body_truncated);
  EXPECT_EQ(cut.aborted, Cause::client_body_truncated);
  done(x), done(at_once), done(cut);
}

TEST_F(WaitsTest, read_all_gathers_and_limits) {
  engine.post("/", [](Context& c) -> Task<> {
    co_await c.read_all(5);
    const auto number = c.bind_json<int>();
    c.string(200, number ? std::to_string(*number) : number.error().message);
  });
  FakeExchange x("POST", "/");
  x.expect_body();
  ask(x);
  x.feed("12");
  x.feed("34");
  x.end_body();
  EXPECT_EQ(x.body, "1234");
  FakeExchange at_hand("POST", "/");
  at_hand.set_body("77");
  ask(at_hand);
  EXPECT_EQ(at_hand.body, "77");
  FakeExchange over("POST", "/");
  over.expect_body();
  ask(over);
  over.feed("123456");
  EXPECT_EQ(over.status, 413);
  EXPECT_EQ(over.cause, Cause::policy_body_too_large);
  done(x), done(at_hand), done(over);
}

TEST_F(WaitsTest, writing_waits_for_the_window) {
  int written = 0;
  engine.get("/", [&written](Context& c) -> Task<> {
    c.stream("text/x");
    c.add_trailer("X-Sum", "3");
    for (; written < 3; ++written) co_await c.write("abc");
  });
  FakeExchange x("GET", "/");
  x.close_window();
  ask(x);
  EXPECT_TRUE(x.streamed);
  EXPECT_EQ(x.content_type, "text/x");
  EXPECT_EQ(x.content_length, http::ResponseHead::kChunked);
  EXPECT_EQ(written, 0);
  x.open_window();
  EXPECT_TRUE(x.ended);
  EXPECT_EQ(x.body, "abcabcabc");
  ASSERT_EQ(x.trailers_sent.size(), 1U);
  EXPECT_EQ(x.trailers_sent[0].first, "X-Sum");
  done(x);
}

TEST_F(WaitsTest, leaving_ends_a_write) {
  engine.get("/", [](Context& c) -> Task<> {
    while (true) co_await c.write("abc");
  });
  FakeExchange x("GET", "/");
  x.close_window();
  ask(x);
  x.leave(Cause::client_left_receiving);
  EXPECT_EQ(x.aborted, Cause::client_left_receiving);
  done(x);
}

TEST_F(WaitsTest, an_exception_in_a_stream_cuts_it) {
  engine.get("/", [](Context& c) -> Task<> {
    co_await c.write("abc");
    throw std::runtime_error("boom");
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(x.aborted, Cause::app_failed);
  EXPECT_EQ(x.body, "abc");
  done(x);
}

TEST_F(WaitsTest, an_empty_stream_is_still_an_answer) {
  engine.get("/", [](Context& c) -> Task<> {
    c.stream("text/x");
    co_return;
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_TRUE(x.streamed);
  EXPECT_TRUE(x.ended);
  EXPECT_FALSE(x.aborted);
  done(x);
}

TEST_F(WaitsTest, a_stream_of_known_length_says_it) {
  engine.get("/", [](Context& c) -> Task<> {
    c.stream("text/x", 206, 6);
    co_await c.write("abc");
    co_await c.write("def");
  });
  engine.get("/nothing", [](Context& c) -> Task<> {
    c.stream("text/x", 200, 0);
    co_return;
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_TRUE(x.streamed);
  EXPECT_EQ(x.status, 206);
  EXPECT_EQ(x.content_length, 6U);
  EXPECT_EQ(x.body, "abcdef");
  done(x);
  FakeExchange nothing("GET", "/nothing");
  ask(nothing);
  EXPECT_TRUE(nothing.streamed);
  EXPECT_EQ(nothing.content_length, 0U);
  done(nothing);
}

TEST_F(WaitsTest, stop_token_follows_the_client) {
  std::stop_token token;
  engine.get("/", [&token](Context& c) -> Task<> {
    token = c.stop_token();
    EXPECT_FALSE(token.stop_requested());
    co_await c.sleep(1s);
    c.status(200);
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.leave();
  EXPECT_TRUE(token.stop_requested());
  done(x);
}

TEST_F(WaitsTest, timeout_answers_for_a_sleeping_coroutine) {
  std::stop_token token;
  engine.use(timeout(1s, 504));
  engine.get("/", [&token](Context& c) -> Task<> {
    token = c.stop_token();
    co_await c.sleep(600ms);
    co_await c.sleep(600ms);
    c.string(200, "late");
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.advance(999ms);
  EXPECT_FALSE(x.ended);
  x.advance(1ms);
  EXPECT_EQ(x.status, 504);
  EXPECT_EQ(x.cause, Cause::timeout_handler);
  EXPECT_TRUE(token.stop_requested());
  done(x);
}

TEST_F(WaitsTest, timeout_ends_body_and_write_waits) {
  engine.use(timeout(1s));
  engine.post("/body", [](Context& c) -> Task<> { co_await c.read_body(); });
  engine.get("/write", [](Context& c) -> Task<> {
    co_await c.write("abc");
    c.status(200);
  });
  FakeExchange body("POST", "/body");
  body.expect_body();
  ask(body);
  body.advance(1s);
  EXPECT_EQ(body.status, 503);
  FakeExchange write("GET", "/write");
  write.close_window();
  ask(write);
  write.advance(1s);
  EXPECT_EQ(write.aborted, Cause::timeout_handler);
  done(body), done(write);
}

TEST_F(WaitsTest, timeout_leaves_an_answer_in_time_alone) {
  engine.use(timeout(1s));
  engine.get("/", [](Context& c) -> Task<> {
    co_await c.sleep(999ms);
    c.string(200, "in time");
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.advance(5s);
  EXPECT_EQ(x.body, "in time");
  done(x);
}

TEST_F(WaitsTest, sleeping_again_after_leaving_does_not_sleep) {
  int caught = 0;
  engine.get("/", [&caught](Context& c) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      try {
        co_await c.sleep(1s);
      } catch (const client_left&) {
        ++caught;
      }
    }
  });
  FakeExchange x("GET", "/");
  ask(x);
  x.leave();
  EXPECT_EQ(caught, 3);
  EXPECT_TRUE(x.ended);
  done(x);
}

}  // namespace
}  // namespace finack::route
