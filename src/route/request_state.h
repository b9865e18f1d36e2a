#pragma once
#include <any>
#include <atomic>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "finack/route/context.h"
#include "finack/route/engine.h"
#include "route/chain.h"
#include "route/response.h"
#include "route/route_tree.h"

namespace finack::route {

/// What a coroutine of this request is suspended on, besides the rest of the chain.
enum class WaitKind : std::uint8_t { none, sleep, body, write };

/// Everything one request needs in this layer; pooled per loop thread, buffers keep their capacity.
/// The parts are driven by Chain (who runs next) and Response (what goes out).
struct RequestState {
  RequestState() : context(*this), chain(*this) {}
  RequestState(const RequestState&) = delete;
  RequestState& operator=(const RequestState&) = delete;

  /// One of this thread's free states.
  static RequestState& lease() {
    if (free_states == nullptr) return make();
    return *std::exchange(free_states, free_states->next_free);
  }

  Context context;
  const Engine* engine = nullptr;
  http::Exchange* exchange = nullptr;
  const Route* route = nullptr;
  std::string_view body;        ///< Whole, when gathered.
  std::string_view request_id;  ///< Kept by the response.
  const FailureHook* recovery = nullptr;
  Instant deadline = Instant::max();

  struct Flags {
    WaitKind wait_kind = WaitKind::none;
    bool on_pool = false;  ///< A blocking handler has the Context.
    bool timed_out = false;
    bool gathered = false;
    record::Cause cause = record::Cause::unknown;  ///< Of the outcome, once decided.
  };
  Flags flags;

  Chain chain;
  Response response;
  Params params;

  // Set before it is read: needs no reset.
  int timeout_status = 503;
  Ready* waiter = nullptr;
  Instant sleep_until{};
  http::BodyRead last_read;  ///< Of the coroutine's read_body.

  /// What most requests do without; reset only after more() was asked for.
  struct Extras {
    std::string body_buffer;  ///< Pieces that did not arrive at once.
    std::map<std::string, std::any, std::less<>> values;
    std::list<std::string> decoded;
    std::string client_ip;
    std::vector<std::move_only_function<void(Context&)>> finished;
    bool connection_abort = false;
    std::optional<std::stop_source> stop;
    std::optional<std::stop_callback<std::function<void()>>> stop_link;
  };
  Extras& more() {
    has_more_ = true;
    return extras_;
  }

  /// Suspends the running coroutine until wake(); one wait at a time.
  void wait_for(WaitKind kind, Ready& who);
  void wake();
  /// Programs the exchange's one timer for the nearer of sleep and deadline.
  void arm_timer();
  void on_timer();
  /// Throws client_left or deadline_passed when the request shall not go on.
  void check_stopped();
  /// Makes the body whole, then runs the chain.
  void gather_body();
  /// Asks for the next piece of the body and wakes the coroutine that waits for it.
  void read_when_ready();
  void set_deadline(Nanos d, int status);
  std::stop_token stop_token();
  /// Runs the finished hooks, sends the answer, gives this object back.
  [[gnu::always_inline]] void conclude() {
    if (!simply_answered()) {
      conclude_fully();
      return;
    }
    if (response.status() < 400) response.set_cause(record::Cause::unknown);
    if (!response.send(*exchange, {})) refused();
    recycle();
  }
  /// The same, whatever happened.
  void conclude_fully();

  RequestState* next_free = nullptr;

 private:
  // Trivial, so that reading it costs no check whether it was made yet.
  static constinit inline thread_local RequestState* free_states = nullptr;
  static RequestState& make();

  struct Outcome {
    enum class Kind : std::uint8_t { respond, finish, abort } kind = Kind::respond;
    record::Cause cause = record::Cause::unknown;
    std::string what;  ///< What a handler threw.
  };
  void gather_rest();
  Outcome decide();
  Outcome decide_error(const std::exception_ptr& error);
  Outcome failed(std::string what);
  Outcome own_error(record::Cause cause, int status, std::string_view text);
  void run_finished_hooks(Outcome& outcome);
  void send(const Outcome& outcome);
  void refused();
  /// Answered by plain means: what decide() would look at besides is not there.
  bool simply_answered() const {
    return !has_more_ && !chain.failed() && response.answered() && !response.streaming() &&
           !exchange->started();
  }
  void recycle() {
    chain.reset();
    response.reset();
    body = {};
    request_id = {};
    recovery = nullptr;
    deadline = Instant::max();
    flags = {};
    if (has_more_) reset_extras();
    next_free = free_states;
    free_states = this;
  }
  // Out of line, as reset_large, so that the usual request saves no registers for them.
  [[gnu::noinline]] void reset_extras();

  Extras extras_;
  bool has_more_ = false;
};

[[gnu::always_inline]] inline void Chain::run() {
  index_ = 0;
  if (may_wait_) {
    run_waiting();
    return;
  }
  const std::span handlers = handlers_;
  try {
    for (std::size_t i = 0; i < handlers.size(); i = static_cast<std::size_t>(++index_)) {
      handlers[i]->call_plain(state_.context);
    }
  } catch (...) {
    error_ = std::current_exception();
    abort();
  }
  state_.conclude();
}

}  // namespace finack::route
