#pragma once
#include <concepts>
#include <functional>
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
/// copied in and lives as long as its route, so the captures of a coroutine lambda stay valid for
/// every coroutine made from it. Called from several threads at once when there are several
/// workers.
class HandlerFunction {
 public:
  using Plain = std::function<void(Context&)>;
  using Coroutine = std::function<Task<>(Context&)>;

  template <class Fn>
    requires(!std::same_as<std::remove_cvref_t<Fn>, HandlerFunction> &&
             std::invocable<std::remove_cvref_t<Fn>&, Context&>)
  HandlerFunction(Fn&& fn) : call_(adopt(std::forward<Fn>(fn))) {}
  HandlerFunction(BlockingFunction fn) : call_(std::move(fn)) {}

  const Plain* plain() const { return std::get_if<Plain>(&call_); }
  const Coroutine* coroutine() const { return std::get_if<Coroutine>(&call_); }
  const BlockingFunction* blocking() const { return std::get_if<BlockingFunction>(&call_); }

 private:
  using Call = std::variant<Plain, Coroutine, BlockingFunction>;

  template <class Fn>
  static Call adopt(Fn&& fn) {
    using Result = std::invoke_result_t<std::remove_cvref_t<Fn>&, Context&>;
    static_assert(std::is_void_v<Result> || std::is_same_v<Result, Task<>>,
                  "a handler returns void or finack::Task<>");
    if constexpr (std::is_void_v<Result>) {
      return Call(std::in_place_type<Plain>, std::forward<Fn>(fn));
    } else {
      return Call(std::in_place_type<Coroutine>, std::forward<Fn>(fn));
    }
  }
  Call call_;
};

}  // namespace finack::route
