#pragma once
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace finack {

/// Something the trampoline can run: a coroutine to resume, or a completion to call. Intrusive, so
/// that scheduling never allocates; must stay alive until it has run.
struct Ready {
  using Run = void (*)(Ready&);
  Run run = nullptr;
  Ready* link = nullptr;
};

/// Resumes coroutines one after the other instead of one inside the other: symmetric transfer
/// overflows the stack where the compiler makes no tail call (-O0, ASan). One queue a thread and
/// nesting level; everything stays on the thread that called run().
class Trampoline {
 public:
  /// Runs `first` and all that becomes ready through it, then returns.
  static void run(Ready& first) {
    Trampoline loop;
    Trampoline* outer = std::exchange(current_, &loop);
    for (Ready* item = &first; item != nullptr; item = loop.pop()) item->run(*item);
    current_ = outer;
  }
  /// Queues `item` behind the coroutine that is running; runs it at once when none is.
  static void schedule(Ready& item) {
    if (current_ == nullptr) {
      run(item);
      return;
    }
    item.link = nullptr;
    (current_->tail_ == nullptr ? current_->head_ : current_->tail_->link) = &item;
    current_->tail_ = &item;
  }

 private:
  Ready* pop() {
    Ready* item = head_;
    if (item != nullptr && (head_ = item->link) == nullptr) tail_ = nullptr;
    return item;
  }
  Ready* head_ = nullptr;
  Ready* tail_ = nullptr;
  static inline thread_local Trampoline* current_ = nullptr;
};

/// A suspended coroutine of any kind as a Ready. Awaiters hold one.
struct Resumption : Ready {
  std::coroutine_handle<> handle;
  void arm(std::coroutine_handle<> h) {
    handle = h;
    run = [](Ready& self) { static_cast<Resumption&>(self).handle.resume(); };
  }
};

template <class T>
class Task;

namespace detail {

struct PromiseBase : Resumption {
  Ready* continuation = nullptr;
  std::exception_ptr error;

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) const noexcept {
      Ready* next = h.promise().continuation;
      if (next != nullptr) Trampoline::schedule(*next);
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

/// A lazy coroutine: it runs when it is awaited (or started), and resumes its awaiter when it is
/// done. Exceptions reach the awaiter. Move-only; destroying a suspended Task destroys its frame
/// and with it the tasks it awaits. One thread at a time.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& o) noexcept : handle_(std::exchange(o.handle_, nullptr)) {}
  Task& operator=(Task&& o) noexcept {
    if (this != &o) {
      reset();
      handle_ = std::exchange(o.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  explicit operator bool() const { return handle_ != nullptr; }
  bool done() const { return handle_ == nullptr || handle_.done(); }
  /// Runs until the first suspension; `on_done` is queued when the coroutine has finished (maybe
  /// before start returns). The Task must stay alive until then.
  void start(Ready& on_done) {
    handle_.promise().continuation = &on_done;
    handle_.promise().arm(handle_);
    Trampoline::run(handle_.promise());
  }
  /// The result of a finished task; throws what the coroutine threw.
  T take() { return handle_.promise().take(); }
  void reset() {
    if (handle_ != nullptr) std::exchange(handle_, nullptr).destroy();
  }

  auto operator co_await() && noexcept { return Awaiter{{}, handle_}; }
  auto operator co_await() & noexcept { return Awaiter{{}, handle_}; }

 private:
  struct Awaiter : Resumption {
    std::coroutine_handle<promise_type> child;
    Awaiter(Resumption, std::coroutine_handle<promise_type> c) : child(c) {}
    bool await_ready() const noexcept { return child.done(); }
    void await_suspend(std::coroutine_handle<> parent) noexcept {
      arm(parent);
      child.promise().continuation = this;
      child.promise().arm(child);
      Trampoline::schedule(child.promise());
    }
    T await_resume() { return child.promise().take(); }
  };
  std::coroutine_handle<promise_type> handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace finack
