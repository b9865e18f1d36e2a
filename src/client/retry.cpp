#include "client/retry.h"

#include <array>
#include <cstddef>

namespace finack::client {
namespace {

using record::Cause;
using record::CauseFamily;

constexpr std::array<std::string_view, 13> kNames = {
    "never_sent",      "stale_proved", "idempotent",  "status",     "client_gone",
    "answered",        "not_upstream", "tries_spent", "time_spent", "not_replayable",
    "maybe_processed", "not_asked",    "budget_spent"};

bool waited_too_long(Cause cause) {
  return cause == Cause::timeout_first_response_byte || cause == Cause::timeout_try ||
         cause == Cause::timeout_response_idle;
}

/// Waits for the server that it did not end; those of our own (queue, drain) are none of its.
bool server_was_slow(Cause cause) {
  switch (cause) {
    case Cause::timeout_resolve:
    case Cause::timeout_connect:
    case Cause::timeout_tls:
    case Cause::timeout_send:
      return true;
    default:
      return waited_too_long(cause);
  }
}

/// A failure that another server, or another connection, may not have.
bool upstream_failed(Cause cause) {
  return blames_server(cause) || cause == Cause::upstream_stale_reuse ||
         cause == Cause::upstream_ejected || cause == Cause::resource_ports;
}

/// The server or the way to it is gone, which is no sign of overload.
bool server_left(const TryFacts& facts) {
  return facts.status == 0 && !server_was_slow(facts.cause) && upstream_failed(facts.cause);
}

/// A budget keeps retries from multiplying an overload. Nothing is multiplied where no server was
/// reached; and a server that dies takes many live requests with it at once, all of which another
/// can serve, so that the first retry of each is free.
bool free_of_budget(RetryReason reason, const TryFacts& facts) {
  return reason == RetryReason::stale_proved || reason == RetryReason::never_sent ||
         (facts.number == 1 && server_left(facts));
}

constexpr RetryDecision no(RetryReason reason) { return {.retry = false, .reason = reason}; }

RetryDecision yes(RetryReason reason, const TryFacts& facts, const RetryRules& rules) {
  const bool stale = reason == RetryReason::stale_proved;
  return {.retry = true,
          .reason = reason,
          .of_budget = !free_of_budget(reason, facts),
          .dial_afresh = stale && facts.number + 1 >= rules.tries};
}

}  // namespace

std::string_view name(RetryReason reason) { return kNames[static_cast<std::size_t>(reason)]; }

bool idempotent(http::Method method) {
  using enum http::Method;
  return method == get || method == head || method == put || method == delete_ ||
         method == options || method == trace;
}

bool blames_server(Cause cause) {
  switch (record::info(cause).family) {
    case CauseFamily::timeout:
      return server_was_slow(cause);
    case CauseFamily::upstream:
      // A kept connection that was closed, and one that we cut, say nothing of the server's health;
      // nor does a request for which none was asked.
      return cause != Cause::upstream_stale_reuse && cause != Cause::upstream_ejected &&
             cause != Cause::upstream_none_healthy && cause != Cause::upstream_circuit_open;
    case CauseFamily::network:
      return true;
    default:
      return false;
  }
}

RetryDecision decide_retry(const TryFacts& facts, const RetryRules& rules) {
  if (facts.client_gone) return no(RetryReason::client_gone);
  if (facts.answered) return no(RetryReason::answered);
  const bool by_status = facts.status != 0 && rules.retries_status(facts.status);
  if (!by_status && !upstream_failed(facts.cause)) return no(RetryReason::not_upstream);
  const bool safe = !facts.sent || facts.stale_proved;
  if (!safe && !facts.idempotent) return no(RetryReason::maybe_processed);
  if (!safe && waited_too_long(facts.cause) && !rules.on_timeout) return no(RetryReason::not_asked);
  // Here a retry is due.
  if (facts.number >= rules.tries) return no(RetryReason::tries_spent);
  if (facts.time_left <= Nanos(0)) return no(RetryReason::time_spent);
  if (!facts.body_replayable) return no(RetryReason::not_replayable);
  if (!facts.sent) return yes(RetryReason::never_sent, facts, rules);
  if (facts.stale_proved) return yes(RetryReason::stale_proved, facts, rules);
  return yes(by_status ? RetryReason::status : RetryReason::idempotent, facts, rules);
}

}  // namespace finack::client
