#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include "finack/base/task.h"

namespace finack::route {

class Context;

/// A handler that runs on the thread pool; made by blocking().
struct BlockingFunction {
  std::function<void(Context&)> run;
};

/// Marks `fn` (void(Context&)) as blocking: it runs on the engine's BlockingPool and may wait. It
/// is the last handler of its route; its Context holds the whole body. Its answer goes out from the
/// loop after it returned. When the queue is full the client gets 503 with Retry-After
/// (policy.overload_shed).
template <std::invocable<Context&> Fn>
BlockingFunction blocking(Fn fn) {
  return {std::function<void(Context&)>(std::move(fn))};
}

/// A handler or middleware, told apart by type: void(Context&) runs on the loop and must not block;
/// Task<>(Context&) is a coroutine on the loop; BlockingFunction runs on the pool. The callable is
/// copied in, shared by copies of this, and lives as long as its route, so the captures of a
/// coroutine lambda stay valid for every coroutine made from it. Called from several threads at
/// once when there are several workers.
class HandlerFunction {
 public:
  using Coroutine = std::function<Task<>(Context&)>;

  template <class Fn>
    requires(!std::same_as<std::remove_cvref_t<Fn>, HandlerFunction> &&
             std::invocable<std::decay_t<Fn>&, Context&>)
  HandlerFunction(Fn&& fn) {
    using Callable = std::decay_t<Fn>;
    using Result = std::invoke_result_t<Callable&, Context&>;
    static_assert(std::is_void_v<Result> || std::is_same_v<Result, Task<>>,
                  "a handler returns void or finack::Task<>");
    if constexpr (std::is_void_v<Result>) {
      callable_ = std::make_shared<Callable>(std::forward<Fn>(fn));
      call_ = [](void* callable, Context& c) { std::invoke(*static_cast<Callable*>(callable), c); };
    } else {
      waiting_.template emplace<Coroutine>(std::forward<Fn>(fn));
    }
  }
  HandlerFunction(BlockingFunction fn) : waiting_(std::move(fn)) {}

  bool plain() const { return call_ != nullptr; }
  /// Only where plain().
  void call_plain(Context& c) const { call_(callable_.get(), c); }
  /// nullptr: it is none.
  const Coroutine* coroutine() const { return std::get_if<Coroutine>(&waiting_); }
  const BlockingFunction* blocking() const { return std::get_if<BlockingFunction>(&waiting_); }

 private:
  // A plain handler is called once a request, through one pointer to code and one to its captures.
  void (*call_)(void* callable, Context&) = nullptr;
  std::shared_ptr<void> callable_;
  std::variant<std::monostate, Coroutine, BlockingFunction> waiting_;
};

}  // namespace finack::route
