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
/// The parts are driven by Chain (who runs next), Response (what goes out) and dispatch.cpp.
struct RequestState {
  RequestState() : context(*this), chain(*this) {}

  Context context;
  Chain chain;
  Response response;
  const Engine* engine = nullptr;
  http::Exchange* exchange = nullptr;
  const Route* route = nullptr;
  Params params;

  // Body.
  std::string_view body;    ///< Whole, when gathered.
  std::string body_buffer;  ///< Pieces that did not arrive at once.
  bool gathered = false;
  http::BodyRead last_read;  ///< Of the coroutine's read_body.

  // Waiting.
  WaitKind wait_kind = WaitKind::none;
  bool on_pool = false;  ///< A blocking handler has the Context.
  bool timed_out = false;
  bool stop_linked = false;
  int timeout_status = 503;
  Ready* waiter = nullptr;
  Instant sleep_until{};
  Instant deadline = Instant::max();
  std::optional<std::stop_source> stop;
  std::optional<std::stop_callback<std::function<void()>>> stop_link;

  // Values, names, hooks.
  std::map<std::string, std::any, std::less<>> values;
  mutable std::list<std::string> decoded;
  mutable std::string client_ip;
  std::string request_id;
  std::vector<std::move_only_function<void(Context&)>> finished;
  const FailureHook* recovery = nullptr;
  bool connection_abort = false;
  record::Cause cause = record::Cause::unknown;  ///< Of the outcome, once decided.

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
  void conclude();

  RequestState* next_free = nullptr;

 private:
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
  void recycle();
};

/// This thread's free states.
RequestState& lease_state();
void give_back(RequestState& state);

}  // namespace finack::route
