#include "route/chain.h"

#include <algorithm>
#include <utility>

#include "route/request_state.h"

namespace finack::route {

void Chain::run_waiting() {
  if (slots_.size() < handlers_.size()) slots_ = std::vector<Slot>(handlers_.size());
  try {
    root_done_ = run_loop(-1);
  } catch (...) {
    error_ = std::current_exception();
    root_done_ = true;
  }
  nested_pending_ = false;
  conclude_if_done();
}

void Chain::drop_error() { error_ = nullptr; }

bool Chain::run_loop(int parent) {
  const int outer = std::exchange(parent_, parent);
  const int count = static_cast<int>(handlers_.size());
  try {
    while (index_ < count) {
      if (!run_one(parent)) {
        parent_ = outer;
        return false;
      }
      ++index_;
    }
  } catch (...) {
    parent_ = outer;
    abort();
    throw;
  }
  parent_ = outer;
  return true;
}

bool Chain::run_one(int parent) {
  const HandlerFunction& handler = *handlers_[static_cast<std::size_t>(index_)];
  if (handler.plain()) {
    handler.call_plain(state_.context);
    return !nested_pending_;
  }
  if (const auto* coroutine = handler.coroutine()) return start_coroutine(*coroutine, parent);
  return start_blocking(*handler.blocking(), parent);
}

int Chain::next() {
  if (state_.flags.on_pool) throw std::logic_error("next() in a blocking handler");
  if (index_ < 0 || index_ >= static_cast<int>(handlers_.size())) return -1;
  const int caller = index_;
  ++index_;
  if (handlers_[static_cast<std::size_t>(caller)]->coroutine() == nullptr) {
    if (!run_loop(parent_)) nested_pending_ = true;
    return -1;
  }
  Slot& slot = slots_[static_cast<std::size_t>(caller)];
  slot.next_begun = true;
  const bool outer_pending = std::exchange(nested_pending_, false);
  try {
    slot.next_done = run_loop(caller);
  } catch (...) {
    nested_pending_ = outer_pending;
    slot.next_done = true;
    throw;
  }
  nested_pending_ = outer_pending;
  return caller;
}

Chain::Slot& Chain::prepare_slot(int parent) {
  Slot& slot = slots_[static_cast<std::size_t>(index_)];
  slot.run = [](Ready& self) {
    auto& done = static_cast<Slot&>(self);
    done.chain->on_done(done);
  };
  slot.chain = this;
  slot.parent = parent;
  slot.job = nullptr;
  slot.waiter = nullptr;
  slot.finished = slot.next_begun = slot.next_done = false;
  ++in_flight_;
  return slot;
}

bool Chain::start_coroutine(const HandlerFunction::Coroutine& fn, int parent) {
  Task<> task = fn(state_.context);
  Slot& slot = prepare_slot(parent);
  slot.task = std::move(task);
  slot.starting = true;
  slot.task.start(slot);
  slot.starting = false;
  if (!slot.finished || (slot.next_begun && !slot.next_done)) return false;
  if (std::exception_ptr error = close_slot(slot)) std::rethrow_exception(error);
  return true;
}

bool Chain::start_blocking(const BlockingFunction& fn, int parent) {
  state_.stop_token();  // Made here: the pool thread may not ask the exchange.
  Slot& slot = prepare_slot(parent);
  slot.job = &fn;
  state_.flags.on_pool = true;
  if (state_.engine->pool().try_run({&Chain::run_blocking, &slot})) return false;
  state_.flags.on_pool = false;
  --in_flight_;
  state_.context.string(503, "503 too many requests wait for a thread");
  state_.context.header("Retry-After", "1");
  state_.context.set_cause(record::Cause::policy_overload_shed);
  return true;
}

void Chain::run_blocking(void* argument) {
  auto& slot = *static_cast<Slot*>(argument);
  RequestState& state = slot.chain->state_;
  try {
    if (state.more().stop->stop_requested()) throw client_left({});
    slot.job->run(state.context);
  } catch (...) {
    slot.error = std::current_exception();
  }
  // The last touch from this thread: the posted function may end the request at once.
  state.exchange->post([done = &slot] {
    done->chain->state_.flags.on_pool = false;
    Trampoline::run(*done);
  });
}

void Chain::on_done(Slot& slot) {
  slot.finished = true;
  if (slot.starting) return;
  // It finished without waiting for its next(): its own end waits for that.
  if (slot.next_begun && !slot.next_done) return;
  go_on_after(slot);
}

std::exception_ptr Chain::close_slot(Slot& slot) {
  std::exception_ptr error = std::exchange(slot.error, nullptr);
  if (slot.task) {
    try {
      slot.task.take();
    } catch (...) {
      error = std::current_exception();
    }
    slot.task.reset();
  }
  if (error == nullptr) error = std::exchange(slot.next_error, nullptr);
  slot.next_error = nullptr;
  --in_flight_;
  return error;
}

void Chain::go_on_after(Slot& slot) {
  const int parent = slot.parent;
  std::exception_ptr error = close_slot(slot);
  if (error != nullptr) {
    abort();
  } else {
    try {
      ++index_;
      const bool complete = run_loop(parent);
      nested_pending_ = false;
      if (!complete) return;
    } catch (...) {
      error = std::current_exception();
    }
  }
  loop_complete(parent, std::move(error));
}

void Chain::loop_complete(int parent, std::exception_ptr error) {
  if (parent < 0) {
    root_done_ = true;
    if (error_ == nullptr) error_ = std::move(error);
    conclude_if_done();
    return;
  }
  Slot& waiting = slots_[static_cast<std::size_t>(parent)];
  waiting.next_done = true;
  waiting.next_error = std::move(error);
  if (waiting.finished) {
    go_on_after(waiting);
  } else if (waiting.waiter != nullptr) {
    Trampoline::schedule(*std::exchange(waiting.waiter, nullptr));
  }
}

void Chain::conclude_if_done() {
  if (root_done_ && in_flight_ == 0) state_.conclude_fully();
}

bool Chain::next_done(int slot) const {
  return slot < 0 || slots_[static_cast<std::size_t>(slot)].next_done;
}

void Chain::wait_next(int slot, Ready& waiter) {
  slots_[static_cast<std::size_t>(slot)].waiter = &waiter;
}

void Chain::take_next(int slot) {
  if (slot < 0) return;
  auto error = std::exchange(slots_[static_cast<std::size_t>(slot)].next_error, nullptr);
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace finack::route
