#pragma once
#include <exception>
#include <span>
#include <vector>

#include "finack/base/task.h"
#include "finack/route/handler.h"

namespace finack::route {

struct RequestState;

/// Runs the handlers of one request in order, index-based as Gin does. next() runs the rest at
/// once; where a coroutine or blocking handler in it waits, the loop that ran it is left pending
/// and goes on when that handler is done. A loop's parent is the coroutine whose next() began it,
/// or -1: only coroutines can wait for the rest, plain middleware passes a pending loop on to the
/// loop above it.
class Chain {
 public:
  explicit Chain(RequestState& state) : state_(state) {}

  void begin(std::span<const HandlerFunction* const> handlers, bool may_wait) {
    handlers_ = handlers;
    may_wait_ = may_wait;
  }
  /// Runs from the first handler; concludes the request when all is done.
  void run();
  /// The handler at the current index called next(); yields the slot to wait on, or -1.
  int next();
  void abort() { index_ = kAborted; }
  bool aborted() const { return index_ >= kAborted; }
  /// The last next() of a plain handler left the rest waiting.
  bool pending() const { return nested_pending_; }

  bool next_done(int slot) const;
  void wait_next(int slot, Ready& waiter);
  /// Throws what the rest of the chain threw.
  void take_next(int slot);
  const std::exception_ptr& error() const { return error_; }
  bool failed() const { return static_cast<bool>(error_); }
  void reset() {
    index_ = -1;
    if (may_wait_) {
      parent_ = -1;
      root_done_ = nested_pending_ = false;
    }
    if (failed()) drop_error();
  }

 private:
  static constexpr int kAborted = 1 << 30;

  struct Slot : Ready {
    Chain* chain = nullptr;
    Task<> task;
    const BlockingFunction* job = nullptr;
    Ready* waiter = nullptr;
    std::exception_ptr error;       ///< What the handler threw.
    std::exception_ptr next_error;  ///< What its next() threw, not taken yet.
    int parent = -1;
    bool starting = false;
    bool finished = false;
    bool next_begun = false;
    bool next_done = false;
  };

  void run_waiting();
  [[gnu::cold]] void drop_error();
  /// False: left pending.
  bool run_loop(int parent);
  bool run_one(int parent);
  bool start_coroutine(const HandlerFunction::Coroutine& fn, int parent);
  bool start_blocking(const BlockingFunction& fn, int parent);
  static void run_blocking(void* slot);
  Slot& prepare_slot(int parent);
  std::exception_ptr close_slot(Slot& slot);
  void on_done(Slot& slot);
  void go_on_after(Slot& slot);
  void loop_complete(int parent, std::exception_ptr error);
  void conclude_if_done();

  RequestState& state_;
  std::span<const HandlerFunction* const> handlers_;
  std::vector<Slot> slots_;
  int index_ = -1;
  int parent_ = -1;  ///< Of the loop that is running.
  int in_flight_ = 0;
  bool may_wait_ = false;  ///< Else all handlers are plain: no slots, nothing is left pending.
  bool nested_pending_ = false;
  bool root_done_ = false;
  std::exception_ptr error_;  ///< What reached the root.
};

}  // namespace finack::route
