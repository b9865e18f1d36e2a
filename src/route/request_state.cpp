#include "route/request_state.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace finack::route {

namespace {

constexpr std::size_t kKeptBody = std::size_t{64} << 10;
constexpr std::uint64_t kReserveAtMost = std::uint64_t{1} << 20;

}  // namespace

RequestState& RequestState::make() {
  // Owns the states of one loop thread. A request ends on the thread it began on.
  thread_local std::vector<std::unique_ptr<RequestState>> all;
  all.push_back(std::make_unique<RequestState>());
  return *all.back();
}

void RequestState::gather_body() {
  if (exchange->body_at_hand(body)) {
    flags.gathered = true;
    chain.run();
    return;
  }
  const http::RequestHead& head = exchange->request();
  if (head.framing == http::Framing::length) {
    more().body_buffer.reserve(
        static_cast<std::size_t>(std::min(head.content_length, kReserveAtMost)));
  }
  gather_rest();
}

void RequestState::gather_rest() {
  while (true) {
    const http::BodyRead read = exchange->read_body();
    switch (read.kind) {
      case http::BodyRead::Kind::chunk:
        more().body_buffer.append(read.bytes);
        break;
      case http::BodyRead::Kind::wait:
        exchange->on_body_ready([this] { gather_rest(); });
        return;
      case http::BodyRead::Kind::end:
        body = more().body_buffer;
        flags.gathered = true;
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
  flags.wait_kind = kind;
  waiter = &who;
}

void RequestState::wake() {
  flags.wait_kind = WaitKind::none;
  if (waiter != nullptr) Trampoline::run(*std::exchange(waiter, nullptr));
}

void RequestState::read_when_ready() {
  exchange->on_body_ready([this] {
    if (flags.wait_kind != WaitKind::body) return;
    last_read = exchange->read_body();
    if (last_read.kind == http::BodyRead::Kind::wait) {
      read_when_ready();
    } else {
      wake();
    }
  });
}

void RequestState::arm_timer() {
  Instant next = flags.timed_out ? Instant::max() : deadline;
  if (flags.wait_kind == WaitKind::sleep) next = std::min(next, sleep_until);
  if (next == Instant::max()) return;
  exchange->sleep(std::max(next - exchange->now(), Nanos(0)), [this] { on_timer(); });
}

void RequestState::on_timer() {
  const Instant at = exchange->now();
  const bool gone = static_cast<bool>(exchange->left());
  if (!gone && !flags.timed_out && at >= deadline) {
    flags.timed_out = true;
    if (extras_.stop) extras_.stop->request_stop();
    if (waiter != nullptr) {
      wake();
      return;
    }
  }
  if (flags.wait_kind == WaitKind::sleep && (gone || at >= sleep_until)) {
    if (!flags.timed_out && !gone && deadline != Instant::max()) {
      flags.wait_kind = WaitKind::none;
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
  Extras& own = more();
  if (!own.stop) {
    own.stop.emplace();
    if (flags.timed_out) own.stop->request_stop();
    own.stop_link.emplace(exchange->stop_token(), [&own] { own.stop->request_stop(); });
  }
  return own.stop->get_token();
}

void RequestState::check_stopped() {
  if (flags.timed_out) throw deadline_passed();
  if (const http::Departure departure = exchange->left()) throw client_left(departure);
}

RequestState::Outcome RequestState::own_error(record::Cause why, int status,
                                              std::string_view text) {
  if (exchange->started()) return {Outcome::Kind::abort, why, {}};
  response.set_copy(status, "text/plain; charset=utf-8", text);
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
  if (flags.timed_out) {
    return own_error(record::Cause::timeout_handler, timeout_status, "the handler took too long");
  }
  return failed(std::move(what));
}

RequestState::Outcome RequestState::decide() {
  if (extras_.connection_abort) return {Outcome::Kind::abort, record::Cause::app_abort, {}};
  if (chain.failed()) return decide_error(chain.error());
  if (exchange->started()) return {Outcome::Kind::finish, record::Cause::unknown, {}};
  if (response.answered()) {
    if (response.status() < 400) response.set_cause(record::Cause::unknown);
    const auto kind = response.streaming() ? Outcome::Kind::finish : Outcome::Kind::respond;
    return {kind, response.cause(), {}};
  }
  if (const http::Departure departure = exchange->left()) {
    return {Outcome::Kind::abort, departure.cause, {}};
  }
  if (flags.timed_out) {
    return own_error(record::Cause::timeout_handler, timeout_status, "the handler took too long");
  }
  response.set_status(500);
  return {Outcome::Kind::abort, record::Cause::app_no_reply, {}};
}

void RequestState::run_finished_hooks(Outcome& outcome) {
  auto& finished = extras_.finished;
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
  if (!sent) refused();
}

void RequestState::refused() {
  exchange->abort(record::Cause::app_failed, "a response header was refused");
}

void RequestState::conclude_fully() {
  Outcome outcome = decide();
  flags.cause = outcome.cause;
  if (has_more_) run_finished_hooks(outcome);
  send(outcome);
  recycle();
}

void RequestState::reset_extras() {
  has_more_ = false;
  if (extras_.body_buffer.capacity() > kKeptBody) {
    std::string().swap(extras_.body_buffer);
  } else {
    extras_.body_buffer.clear();
  }
  extras_.stop_link.reset();
  extras_.stop.reset();
  extras_.values.clear();
  extras_.decoded.clear();
  extras_.client_ip.clear();
  extras_.connection_abort = false;
}

}  // namespace finack::route
