// The client of a proxied request leaves, or the gateway ends it.
#include <utility>

#include "gateway/proxied_request.h"

namespace finack::gateway {

using record::Cause;

namespace {

/// A response whose client has left is read to its end when no more than this is left of it, so
/// that its connection can be kept.
constexpr std::uint64_t kDrained = 64 * 1024;
constexpr Nanos kDrainTime = std::chrono::seconds(2);

}  // namespace

/// The exchange wakes a sleeper when its client leaves.
void ProxiedRequest::watch_client() {
  exchange_->sleep(Nanos::max(), [this] { client_gone(); });
}

void ProxiedRequest::client_gone() {
  const bool may_run = passage_.route->settings.on_client_gone == OnClientGone::run;
  if (may_run && body_sent_ && try_.connected()) {
    gone_ = true;
    exchange_->set_runs_on();
    spool_.reset();
    if (const Nanos most = passage_.route->settings.run_for; most != Nanos(0))
      pause_.set(most, &ProxiedRequest::ran_too_long);
    return resume();
  }
  const http::Departure left = exchange_->left();
  abandon(left ? left.cause : Cause::app_abort);
}

/// Nobody waits for the server's work, and it goes on for longer than the route allows.
void ProxiedRequest::ran_too_long() {
  cancel_for(exchange_->left().cause);
  note_try();
  fail(Cause::policy_other_leg);
}

/// Lets go of the client, and with it of the server, unless its connection can soon be free.
void ProxiedRequest::abandon(Cause cause) {
  tell_breaker(Word::none);
  const bool drain = worth_draining();
  if (try_.active()) {
    if (!drain) cancel_for(cause);
    record::UpstreamTry one = try_.summary();
    if (drain) one.cause = Cause::app_cancelled;
    if (drain) one.duration = loop_.now() - try_began_;
    tries_.add(one);
  }
  exchange_->set_upstream(tries_.all());
  std::exchange(exchange_, nullptr)->abort(cause);
  if (!drain) return done();
  resume();
  pause_.set(kDrainTime, &ProxiedRequest::stop_draining);
}

/// Ends the server's leg because of what ended the client's.
void ProxiedRequest::cancel_for(Cause cause) {
  // What ends all of the process's connections ends both legs; else the one ends for the other's
  // sake, and weighs as much.
  const bool both = cause == Cause::operator_shutdown_forced || cause == Cause::timeout_drain;
  const bool fault = record::info(cause).severity == record::Severity::fault;
  try_.cancel(both ? cause : Cause::policy_other_leg, {}, fault);
}

bool ProxiedRequest::worth_draining() const {
  return responding_ && body_sent_ && try_.connected() && response_due_ &&
         *response_due_ <= kDrained;
}

void ProxiedRequest::stop_draining() {
  try_.cancel(Cause::policy_other_leg);
  done();
}

void ProxiedRequest::cut(Cause cause) {
  if (try_.active()) {
    try_.cancel(cause);
    note_try();
  }
  if (exchange_ == nullptr) return done();
  tell_breaker(Word::none);
  exchange_->set_upstream(tries_.all());
  std::exchange(exchange_, nullptr)->abort(cause);
  done();
}

}  // namespace finack::gateway
