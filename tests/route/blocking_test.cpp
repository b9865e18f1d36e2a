#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "finack/route/engine.h"
#include "finack/route/middleware.h"
#include "support/fake_exchange.h"

namespace finack::route {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using tests::FakeExchange;

EngineOptions small_pool(std::size_t threads, std::size_t queue) {
  EngineOptions options;
  options.pool = {threads, queue};
  return options;
}

/// The test's thread is the loop: runs what the pool posts until the request has ended.
void run_to_end(FakeExchange& x) {
  while (!x.ended) x.run_posted(true);
  EXPECT_EQ(x.touched_after_end, 0);
}

TEST(Blocking, runs_on_another_thread_and_answers_from_the_loop) {
  Engine engine;
  std::thread::id ran_on;
  engine.post("/", blocking([&ran_on](Context& c) {
                ran_on = std::this_thread::get_id();
                c.string(200, c.body());
              }));
  FakeExchange x("POST", "/");
  x.expect_body();
  engine.handle(x);
  x.feed("gathered ");
  x.feed("body");
  x.end_body();
  EXPECT_FALSE(x.ended);
  run_to_end(x);
  EXPECT_EQ(x.body, "gathered body");
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST(Blocking, middleware_wraps_it) {
  Engine engine;
  std::string order;
  engine.use([&order](Context& c) -> Task<> {
    order += "a<";
    co_await c.next();
    order += ">a";
  });
  engine.get("/", blocking([&order](Context& c) {
               order += "h";
               c.status(204);
             }));
  FakeExchange x("GET", "/");
  engine.handle(x);
  run_to_end(x);
  EXPECT_EQ(order, "a<h>a");
  EXPECT_EQ(x.status, 204);
}

TEST(Blocking, exceptions_and_silence_end_as_elsewhere) {
  Engine engine;
  engine.get("/throw", blocking([](Context&) { throw std::runtime_error("boom"); }));
  engine.get("/silent", blocking([](Context&) {}));
  FakeExchange x("GET", "/throw");
  engine.handle(x);
  run_to_end(x);
  EXPECT_EQ(x.aborted, Cause::app_failed);
  EXPECT_EQ(x.exception, "boom");
  FakeExchange silent("GET", "/silent");
  engine.handle(silent);
  run_to_end(silent);
  EXPECT_EQ(silent.aborted, Cause::app_no_reply);
}

TEST(Blocking, full_queue_sheds_with_503_and_retry_after) {
  Engine engine(small_pool(1, 1));
  std::latch running(1);
  std::latch release(1);
  std::atomic<int> runs{0};
  engine.get("/", blocking([&](Context& c) {
               if (runs.fetch_add(1) == 0) running.count_down();
               release.wait();
               c.status(204);
             }));
  FakeExchange first("GET", "/");
  engine.handle(first);
  running.wait();
  FakeExchange queued("GET", "/");
  engine.handle(queued);
  EXPECT_FALSE(queued.ended);
  FakeExchange shed("GET", "/");
  engine.handle(shed);
  EXPECT_EQ(shed.status, 503);
  EXPECT_EQ(shed.header_sent("Retry-After"), "1");
  EXPECT_EQ(shed.cause, Cause::policy_overload_shed);
  EXPECT_EQ(engine.pool().refused(), 1U);
  release.count_down();
  run_to_end(first);
  run_to_end(queued);
  EXPECT_EQ(queued.status, 204);
}

TEST(Blocking, stop_token_reaches_the_pool_thread) {
  Engine engine;
  std::latch running(1);
  engine.get("/", blocking([&running](Context& c) {
               const std::stop_token token = c.stop_token();
               std::latch stopped(1);
               const std::stop_callback on_stop(token, [&stopped] { stopped.count_down(); });
               running.count_down();
               stopped.wait();
               EXPECT_EQ(c.left().cause, Cause::client_left_waiting);
             }));
  FakeExchange x("GET", "/");
  engine.handle(x);
  running.wait();
  x.leave();
  run_to_end(x);
  EXPECT_EQ(x.aborted, Cause::client_left_waiting);
}

TEST(Blocking, a_client_that_left_in_the_queue_starts_no_handler) {
  Engine engine(small_pool(1, 1));
  std::latch running(1);
  std::latch release(1);
  int second_runs = 0;
  engine.get("/first", blocking([&](Context& c) {
               running.count_down();
               release.wait();
               c.status(204);
             }));
  engine.get("/second", blocking([&](Context&) { ++second_runs; }));
  FakeExchange first("GET", "/first");
  engine.handle(first);
  running.wait();
  FakeExchange second("GET", "/second");
  engine.handle(second);
  second.leave();
  release.count_down();
  run_to_end(first);
  run_to_end(second);
  EXPECT_EQ(second_runs, 0);
  EXPECT_EQ(second.aborted, Cause::client_left_waiting);
}

TEST(Blocking, streams_with_back_pressure) {
  Engine engine;
  std::atomic<int> written{0};
  engine.get("/", blocking([&written](Context& c) {
               c.stream("text/x");
               for (int i = 0; i < 3; ++i) {
                 c.write_wait("abc");
                 ++written;
               }
             }));
  FakeExchange x("GET", "/");
  x.close_window();
  engine.handle(x);
  x.run_posted(true);
  EXPECT_EQ(x.body, "abc");
  EXPECT_EQ(written, 0);
  x.open_window();
  run_to_end(x);
  EXPECT_EQ(written, 3);
  EXPECT_EQ(x.body, "abcabcabc");
  EXPECT_TRUE(x.streamed);
}

TEST(Blocking, leaving_ends_a_blocked_write) {
  Engine engine;
  engine.get("/", blocking([](Context& c) {
               while (true) c.write_wait("abc");
             }));
  FakeExchange x("GET", "/");
  x.close_window();
  engine.handle(x);
  x.run_posted(true);
  x.leave(Cause::client_left_receiving);
  run_to_end(x);
  EXPECT_EQ(x.aborted, Cause::client_left_receiving);
}

TEST(Blocking, many_requests_over_a_small_pool) {
  Engine engine(small_pool(2, 64));
  engine.get("/", blocking([](Context& c) { c.string(200, c.query("n")); }));
  std::vector<std::unique_ptr<FakeExchange>> all;
  for (int i = 0; i < 60; ++i) {
    all.push_back(std::make_unique<FakeExchange>("GET", "/?n=" + std::to_string(i)));
    engine.handle(*all.back());
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    run_to_end(*all[i]);
    EXPECT_EQ(all[i]->body, std::to_string(i));
  }
}

TEST(BlockingPool, without_a_queue_takes_a_job_only_for_an_idle_thread) {
  BlockingPool pool({1, 0});
  std::latch running(1);
  std::latch release(1);
  struct Latches {
    std::latch& running;
    std::latch& release;
  } latches{running, release};
  const BlockingPool::Job job{[](void* argument) {
                                auto& both = *static_cast<Latches*>(argument);
                                both.running.count_down();
                                both.release.wait();
                              },
                              &latches};
  ASSERT_TRUE(pool.try_run(job));
  running.wait();
  EXPECT_FALSE(pool.try_run(job));
  release.count_down();
}

}  // namespace
}  // namespace finack::route
