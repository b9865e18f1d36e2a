#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "finack/route/engine.h"
#include "finack/route/middleware.h"
#include "support/fake_exchange.h"

namespace finack::route {
namespace {

using namespace std::chrono_literals;
using tests::FakeExchange;

class ChainTest : public testing::Test {
 protected:
  auto plain(std::string name) {
    return [this, name](Context& c) {
      order += name + "<";
      c.next();
      order += ">" + name;
    };
  }
  auto coroutine(std::string name) {
    return [this, name](Context& c) -> Task<> {
      order += name + "<";
      co_await c.next();
      order += ">" + name;
    };
  }
  auto sleeper(std::string name) {
    return [this, name](Context& c) -> Task<> {
      co_await c.sleep(1s);
      order += name;
      c.string(200, name);
    };
  }
  void ask(FakeExchange& x) { engine.handle(x); }

  Engine engine;
  std::string order;
};

TEST_F(ChainTest, plain_middleware_wraps) {
  engine.use(plain("a"), plain("b"));
  engine.get("/", plain("c"), [this](Context& c) {
    order += "h";
    c.status(200);
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "a<b<c<h>c>b>a");
}

TEST_F(ChainTest, middleware_need_not_call_next) {
  engine.use([this](Context&) { order += "a"; });
  engine.get("/", [this](Context& c) {
    order += "h";
    c.status(200);
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "ah");
}

TEST_F(ChainTest, abort_stops_the_rest_but_not_what_wraps) {
  engine.use(plain("a"), [](Context& c) { c.abort_with_status(403); });
  engine.get("/", [this](Context&) { order += "h"; });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "a<>a");
  EXPECT_EQ(x.status, 403);
}

TEST_F(ChainTest, headers_may_change_after_next) {
  engine.use([](Context& c) {
    c.next();
    EXPECT_EQ(c.response_status(), 200);
    c.header("X-After", "1");
  });
  engine.get("/", [](Context& c) { c.string(200, "x"); });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(x.header_sent("x-after"), "1");
}

TEST_F(ChainTest, coroutine_middleware_waits_for_a_coroutine_handler) {
  engine.use(coroutine("a"), coroutine("b"));
  engine.get("/", sleeper("h"));
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "a<b<");
  EXPECT_FALSE(x.ended);
  x.advance(1s);
  EXPECT_EQ(order, "a<b<h>b>a");
  EXPECT_EQ(x.body, "h");
  EXPECT_EQ(x.touched_after_end, 0);
}

TEST_F(ChainTest, coroutine_that_never_waits_runs_like_a_plain_handler) {
  engine.use(coroutine("a"), plain("b"), coroutine("c"));
  engine.get("/", [this](Context& c) {
    order += "h";
    c.status(200);
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "a<b<c<h>c>b>a");
  EXPECT_EQ(x.status, 200);
}

TEST_F(ChainTest, plain_middleware_around_a_waiting_coroutine_uses_on_finished) {
  engine.use([this](Context& c) {
    c.on_finished([this](Context& done) { order += "f" + std::to_string(done.response_status()); });
    c.next();
    order += c.pending() ? "pending " : "done ";
  });
  engine.get("/", sleeper("h"));
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "pending ");
  x.advance(1s);
  EXPECT_EQ(order, "pending hf200");
  EXPECT_EQ(x.status, 200);
}

TEST_F(ChainTest, plain_between_coroutines_passes_the_waiting_on) {
  engine.use(coroutine("a"), plain("b"), coroutine("c"));
  engine.get("/", sleeper("h"));
  FakeExchange x("GET", "/");
  ask(x);
  x.advance(1s);
  EXPECT_EQ(order, "a<b<c<>bh>c>a");
  EXPECT_EQ(x.status, 200);
}

TEST_F(ChainTest, middleware_may_wait_before_the_rest) {
  engine.use([this](Context& c) -> Task<> {
    co_await c.sleep(1s);
    order += "a<";
    co_await c.next();
    co_await c.sleep(1s);
    order += ">a";
  });
  engine.get("/", plain("p"), sleeper("h"));
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "");
  x.advance(1s);
  EXPECT_EQ(order, "a<p<>p");
  x.advance(1s);
  EXPECT_EQ(order, "a<p<>ph");
  EXPECT_FALSE(x.ended);
  x.advance(1s);
  EXPECT_EQ(order, "a<p<>ph>a");
  EXPECT_EQ(x.status, 200);
}

TEST_F(ChainTest, coroutine_that_drops_next_ends_with_the_rest) {
  engine.use([this](Context& c) -> Task<> {
    c.next();
    order += "dropped ";
    co_return;
  });
  engine.get("/", sleeper("h"));
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(order, "dropped ");
  x.advance(1s);
  EXPECT_EQ(x.status, 200);
}

TEST_F(ChainTest, exceptions_reach_the_coroutine_that_waits) {
  engine.use([](Context& c) -> Task<> {
    try {
      co_await c.next();
    } catch (const std::runtime_error& e) {
      c.string(418, e.what());
    }
  });
  engine.get("/late", [](Context& c) -> Task<> {
    co_await c.sleep(1s);
    throw std::runtime_error("late");
  });
  engine.get("/early", [](Context&) { throw std::runtime_error("early"); });
  FakeExchange late("GET", "/late");
  ask(late);
  late.advance(1s);
  EXPECT_EQ(late.status, 418);
  EXPECT_EQ(late.body, "late");
  FakeExchange early("GET", "/early");
  ask(early);
  EXPECT_EQ(early.body, "early");
}

TEST_F(ChainTest, the_one_catch_point) {
  engine.get("/throw", [](Context& c) {
    c.string(200, "never sent");
    throw std::runtime_error("boom");
  });
  engine.get("/odd", [](Context&) { throw 7; });
  engine.get("/co", [](Context& c) -> Task<> {
    co_await c.sleep(1s);
    throw std::runtime_error("boom later");
  });
  FakeExchange x("GET", "/throw");
  ask(x);
  EXPECT_EQ(x.aborted, record::Cause::app_failed);
  EXPECT_EQ(x.exception, "boom");
  EXPECT_EQ(x.status, 0);
  FakeExchange odd("GET", "/odd");
  ask(odd);
  EXPECT_EQ(odd.aborted, record::Cause::app_failed);
  FakeExchange co("GET", "/co");
  ask(co);
  co.advance(1s);
  EXPECT_EQ(co.aborted, record::Cause::app_failed);
  EXPECT_EQ(co.exception, "boom later");
}

TEST_F(ChainTest, silence_is_no_reply) {
  engine.get("/plain", [](Context&) {});
  engine.get("/co", [](Context& c) -> Task<> { co_await c.sleep(1s); });
  engine.get("/abort", [](Context& c) { c.abort(); });
  for (const char* path : {"/plain", "/co", "/abort"}) {
    FakeExchange x("GET", path);
    ask(x);
    x.advance(1s);
    EXPECT_EQ(x.aborted, record::Cause::app_no_reply) << path;
  }
}

TEST_F(ChainTest, abort_connection_is_app_abort) {
  engine.get("/", [](Context& c) {
    c.string(200, "no");
    c.abort_connection();
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(x.aborted, record::Cause::app_abort);
}

TEST_F(ChainTest, a_refused_header_fails_the_request) {
  engine.get("/", [](Context& c) {
    c.header("X", "a\r\nY: b");
    c.string(200, "x");
  });
  FakeExchange x("GET", "/");
  ask(x);
  EXPECT_EQ(x.aborted, record::Cause::app_failed);
}

TEST_F(ChainTest, captures_of_a_coroutine_lambda_outlive_the_registration) {
  {
    std::string text(100, 'x');
    engine.get("/", [text](Context& c) -> Task<> {
      co_await c.sleep(1s);
      c.string(200, text);
    });
  }
  FakeExchange x("GET", "/");
  ask(x);
  FakeExchange y("GET", "/");
  ask(y);
  x.advance(1s);
  y.advance(1s);
  EXPECT_EQ(x.body, std::string(100, 'x'));
  EXPECT_EQ(y.body, std::string(100, 'x'));
}

TEST_F(ChainTest, many_interleaved_requests_reuse_states) {
  engine.use(coroutine(""));
  engine.get("/", [](Context& c) -> Task<> {
    c.set("n", std::string(c.query("n")));
    co_await c.sleep(1s);
    c.string(200, *c.get<std::string>("n"));
  });
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<FakeExchange>> all;
    for (int i = 0; i < 50; ++i) {
      all.push_back(std::make_unique<FakeExchange>("GET", "/?n=" + std::to_string(i)));
      ask(*all.back());
    }
    for (std::size_t i = all.size(); i-- > 0;) all[i]->advance(1s);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i]->body, std::to_string(i));
  }
}

}  // namespace
}  // namespace finack::route
