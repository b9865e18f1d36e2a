#include "finack/base/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace finack {
namespace {

struct Done : Ready {
  bool called = false;
  Done() {
    run = [](Ready& self) { static_cast<Done&>(self).called = true; };
  }
};

/// Suspends until the test resumes it.
struct Gate {
  Resumption waiter;
  struct Awaiter {
    Gate& gate;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) { gate.waiter.arm(h); }
    void await_resume() const {}
  };
  Awaiter operator co_await() { return Awaiter{*this}; }
  void open() { Trampoline::run(waiter); }
};

Task<int> deep(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await deep(n - 1);
}

Task<int> one() { co_return 1; }

Task<int> looped(int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) sum += co_await one();
  co_return sum;
}

TEST(Task, is_lazy) {
  bool ran = false;
  auto body = [&ran]() -> Task<> {
    ran = true;
    co_return;
  };
  Task<> task = body();
  EXPECT_FALSE(ran);
  Done done;
  task.start(done);
  EXPECT_TRUE(ran);
  EXPECT_TRUE(done.called);
}

TEST(Task, awaits_twenty_thousand_deep) {
  Task<int> task = deep(20'000);
  Done done;
  task.start(done);
  ASSERT_TRUE(done.called);
  EXPECT_EQ(task.take(), 20'000);
}

TEST(Task, awaits_twenty_thousand_in_a_loop) {
  Task<int> task = looped(20'000);
  Done done;
  task.start(done);
  ASSERT_TRUE(done.called);
  EXPECT_EQ(task.take(), 20'000);
}

TEST(Task, exception_reaches_the_awaiter) {
  auto thrower = []() -> Task<int> {
    throw std::runtime_error("boom");
    co_return 0;
  };
  auto catcher = [&]() -> Task<std::string> {
    try {
      co_await thrower();
    } catch (const std::runtime_error& e) {
      co_return e.what();
    }
    co_return "nothing";
  };
  Task<std::string> task = catcher();
  Done done;
  task.start(done);
  EXPECT_EQ(task.take(), "boom");

  Task<int> bare = thrower();
  bare.start(done);
  EXPECT_THROW(bare.take(), std::runtime_error);
}

TEST(Task, destroying_a_suspended_task_destroys_what_it_awaits) {
  Gate gate;
  auto token = std::make_shared<int>(7);
  std::weak_ptr<int> watch = token;
  auto inner = [](Gate& g, std::shared_ptr<int> held) -> Task<int> {
    co_await g;
    co_return *held;
  };
  auto outer = [&inner](Gate& g, std::shared_ptr<int> held) -> Task<int> {
    co_return co_await inner(g, std::move(held));
  };
  Done done;
  {
    Task<int> task = outer(gate, std::move(token));
    task.start(done);
    EXPECT_FALSE(done.called);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
  EXPECT_FALSE(done.called);
}

TEST(Task, resumes_from_outside) {
  Gate gate;
  auto waits = [](Gate& g) -> Task<int> {
    co_await g;
    co_return 5;
  };
  Task<int> task = waits(gate);
  Done done;
  task.start(done);
  EXPECT_FALSE(done.called);
  gate.open();
  EXPECT_TRUE(done.called);
  EXPECT_EQ(task.take(), 5);
}

TEST(Task, nested_runs_keep_order) {
  std::vector<int> order;
  Gate gate;
  auto waiter = [&order](Gate& g) -> Task<> {
    co_await g;
    order.push_back(2);
  };
  Task<> first = waiter(gate);
  Done done_first;
  first.start(done_first);
  auto opener = [&order](Gate& g) -> Task<> {
    order.push_back(1);
    g.open();
    order.push_back(3);
    co_return;
  };
  Task<> second = opener(gate);
  Done done_second;
  second.start(done_second);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(done_first.called);
  EXPECT_TRUE(done_second.called);
}

TEST(Task, moves_only_values) {
  auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  Task<std::unique_ptr<int>> task = make();
  Done done;
  task.start(done);
  EXPECT_EQ(*task.take(), 3);
}

}  // namespace
}  // namespace finack
