#include "route/request_state.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace finack::route {

namespace {

constexpr std::size_t kKeptBody = std::size_t{64} << 10;
constexpr std::uint64_t kReserveAtMost = std::uint64_t{1} << 20;

/// States of one loop thread. A request ends on the thread it began on.
struct StatePool {
  std::vector<std::unique_ptr<RequestState>> all;
  RequestState* free = nullptr;
};
thread_local StatePool state_pool;

}  // namespace

RequestState& lease_state() {
  StatePool& pool = state_pool;
  if (pool.free == nullptr) {
    pool.all.push_back(std::make_unique<RequestState>());
    return *pool.all.back();
  }
  return *std::exchange(pool.free, pool.free->next_free);
}

void give_back(RequestState& state) {
  state.next_free = state_pool.free;
  state_pool.free = &state;
}

void RequestState::gather_body() {
  if (exchange->body_at_hand(body)) {
    gathered = true;
    chain.run();
    return;
  }
  const http::RequestHead& head = exchange->request();
  if (head.framing == http::Framing::length) {
    body_buffer.reserve(static_cast<std::size_t>(std::min(head.content_length, kReserveAtMost)));
  }
  gather_rest();
}

void RequestState::gather_rest() {
  while (true) {
    const http::BodyRead read = exchange->read_body();
    switch (read.kind) {
      case http::BodyRead::Kind::chunk:
        body_buffer.append(read.bytes);
        break;
      case http::BodyRead::Kind::wait:
        exchange->on_body_ready([this] { gather_rest(); });
        return;
      case http::BodyRead::Kind::end:
        body = body_buffer;
        gathered = true;
        chain.run();
        return;
      case http::BodyRead::Kind::cut:
        send({Outcome::Kind::abort, exchange->left().cause, {}});
        recycle();
        return;
    }
  }
}

void RequestState::wait_for(WaitKind kind, Ready& who) {
  if (waiter != nullptr)
    throw std::logic_error("two coroutines of one request wait on its Context");
  wait_kind = kind;
  waiter = &who;
}

void RequestState::wake() {
  wait_kind = WaitKind::none;
  if (waiter != nullptr) Trampoline::run(*std::exchange(waiter, nullptr));
}

void RequestState::read_when_ready() {
  exchange->on_body_ready([this] {
    if (wait_kind != WaitKind::body) return;
    last_read = exchange->read_body();
    if (last_read.kind == http::BodyRead::Kind::wait) {
      read_when_ready();
    } else {
      wake();
    }
  });
}

void RequestState::arm_timer() {
  Instant next = timed_out ? Instant::max() : deadline;
  if (wait_kind == WaitKind::sleep) next = std::min(next, sleep_until);
  if (next == Instant::max()) return;
  exchange->sleep(std::max(next - exchange->now(), Nanos(0)), [this] { on_timer(); });
}

void RequestState::on_timer() {
  const Instant at = exchange->now();
  const bool gone = static_cast<bool>(exchange->left());
  if (!gone && !timed_out && at >= deadline) {
    timed_out = true;
    if (stop) stop->request_stop();
    if (waiter != nullptr) {
      wake();
      return;
    }
  }
  if (wait_kind == WaitKind::sleep && (gone || at >= sleep_until)) {
    if (!timed_out && !gone && deadline != Instant::max()) {
      wait_kind = WaitKind::none;
      arm_timer();
    }
    wake();
    return;
  }
  if (!gone) arm_timer();
}

void RequestState::set_deadline(Nanos d, int status) {
  const Instant at = exchange->now() + d;
  if (at >= deadline) return;
  deadline = at;
  timeout_status = status;
  arm_timer();
}

std::stop_token RequestState::stop_token() {
  if (!stop) {
    stop.emplace();
    if (timed_out) stop->request_stop();
    stop_link.emplace(exchange->stop_token(), [this] { stop->request_stop(); });
  }
  return stop->get_token();
}

void RequestState::check_stopped() {
  if (timed_out) throw deadline_passed();
  if (const http::Departure departure = exchange->left()) throw client_left(departure);
}

RequestState::Outcome RequestState::own_error(record::Cause why, int status,
                                              std::string_view text) {
  if (exchange->started()) return {Outcome::Kind::abort, why, {}};
  response.begin_buffered(status, "text/plain; charset=utf-8").append(text);
  response.set_cause(why);
  return {Outcome::Kind::respond, why, {}};
}

RequestState::Outcome RequestState::failed(std::string what) {
  Outcome outcome{Outcome::Kind::abort, record::Cause::app_failed, std::move(what)};
  if (exchange->started()) return outcome;
  response.drop_body();
  response.set_status(0);
  if (recovery != nullptr && *recovery) {
    try {
      (*recovery)(context, outcome.what);
    } catch (...) {
      response.set_status(0);  // The plain 500 then.
    }
    if (response.answered() && !response.streaming()) {
      response.set_cause(record::Cause::app_failed);
      outcome.kind = Outcome::Kind::respond;
      return outcome;
    }
  }
  response.set_status(500);
  return outcome;
}

RequestState::Outcome RequestState::decide_error(const std::exception_ptr& error) {
  std::string what;
  try {
    std::rethrow_exception(error);
  } catch (const body_over_limit&) {
    return own_error(record::Cause::policy_body_too_large, 413, "413 the body is too large");
  } catch (const client_left& left) {
    if (left.departure()) return {Outcome::Kind::abort, left.departure().cause, {}};
    what = left.what();
  } catch (const std::exception& thrown) {
    what = thrown.what();
  } catch (...) {
    what = "an exception that is no std::exception";
  }
  if (const http::Departure departure = exchange->left()) {
    return {Outcome::Kind::abort, departure.cause, std::move(what)};
  }
  if (timed_out) {
    return own_error(record::Cause::timeout_handler, timeout_status, "the handler took too long");
  }
  return failed(std::move(what));
}

RequestState::Outcome RequestState::decide() {
  if (connection_abort) return {Outcome::Kind::abort, record::Cause::app_abort, {}};
  if (chain.error() != nullptr) return decide_error(chain.error());
  if (exchange->started()) return {Outcome::Kind::finish, record::Cause::unknown, {}};
  if (response.answered()) {
    if (response.status() < 400) response.set_cause(record::Cause::unknown);
    const auto kind = response.streaming() ? Outcome::Kind::finish : Outcome::Kind::respond;
    return {kind, response.cause(), {}};
  }
  if (const http::Departure departure = exchange->left()) {
    return {Outcome::Kind::abort, departure.cause, {}};
  }
  if (timed_out) {
    return own_error(record::Cause::timeout_handler, timeout_status, "the handler took too long");
  }
  response.set_status(500);
  return {Outcome::Kind::abort, record::Cause::app_no_reply, {}};
}

void RequestState::run_finished_hooks(Outcome& outcome) {
  while (!finished.empty()) {
    auto hook = std::move(finished.back());
    finished.pop_back();
    try {
      hook(context);
    } catch (const std::exception& thrown) {
      if (outcome.kind == Outcome::Kind::respond) outcome = failed(thrown.what());
    } catch (...) {
      if (outcome.kind == Outcome::Kind::respond) outcome = failed("an on_finished hook threw");
    }
  }
}

void RequestState::send(const Outcome& outcome) {
  bool sent = true;
  switch (outcome.kind) {
    case Outcome::Kind::respond:
      sent = response.send(*exchange, outcome.what);
      break;
    case Outcome::Kind::finish:
      sent = exchange->started() || response.start(*exchange);
      if (sent) response.finish(*exchange);
      break;
    case Outcome::Kind::abort:
      exchange->abort(outcome.cause, outcome.what);
      break;
  }
  if (!sent) exchange->abort(record::Cause::app_failed, "a response header was refused");
}

void RequestState::conclude() {
  Outcome outcome = decide();
  cause = outcome.cause;
  if (!finished.empty()) run_finished_hooks(outcome);
  send(outcome);
  recycle();
}

void RequestState::recycle() {
  exchange = nullptr;
  engine = nullptr;
  route = nullptr;
  chain.reset();
  response.reset();
  params.count = 0;
  body = {};
  if (body_buffer.capacity() > kKeptBody) {
    std::string().swap(body_buffer);
  } else {
    body_buffer.clear();
  }
  gathered = on_pool = timed_out = connection_abort = false;
  wait_kind = WaitKind::none;
  deadline = Instant::max();
  if (stop) {
    stop_link.reset();
    stop.reset();
  }
  if (!values.empty()) values.clear();
  if (!decoded.empty()) decoded.clear();
  client_ip.clear();
  request_id.clear();
  recovery = nullptr;
  cause = record::Cause::unknown;
  give_back(*this);
}

}  // namespace finack::route
