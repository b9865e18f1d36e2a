#pragma once
#include <cstdint>
#include <string_view>

#include "finack/base/clock.h"
#include "finack/http/message.h"
#include "finack/record/cause.h"

namespace finack::client {

/// Why a failed try is, or is not, followed by another. Every decision has one.
enum class RetryReason : std::uint8_t {
  never_sent,       ///< Retry: no byte of the request left us.
  stale_proved,     ///< Retry: a reused connection was closed before our request was acknowledged.
  idempotent,       ///< Retry: the method may be repeated.
  status,           ///< Retry: the response has a status that the rules name.
  client_gone,      ///< No: nobody waits for the answer.
  answered,         ///< No: the response has begun towards the client.
  not_upstream,     ///< No: the server is not at fault.
  tries_spent,      ///< No: as many tries as allowed.
  time_spent,       ///< No: no time is left of request_total.
  not_replayable,   ///< No: bytes of the body are gone, and were not kept.
  maybe_processed,  ///< No: the method is unsafe and the server may have acted on it.
  not_asked,        ///< No: the rules do not name this failure.
  budget_spent      ///< No: too many of the live requests are retries.
};
std::string_view name(RetryReason reason);

/// What may be retried. One per route or cluster.
struct RetryRules {
  std::uint32_t tries = 3;     ///< In all, the first included; 1: no retries.
  bool on_timeout = false;     ///< Also after timeout.first_response_byte, response_idle and try.
  std::uint64_t statuses = 0;  ///< Bit n: status 500 + n of an idempotent request is retried.
  bool retries_status(int status) const {
    return status >= 500 && status < 564 && (statuses >> (status - 500) & 1) != 0;
  }
};

/// How one try ended and what stood around it.
struct TryFacts {
  record::Cause cause = record::Cause::unknown;  ///< ok.completed with `status`: a whole response.
  int status = 0;                                ///< Of its final head; 0: none.
  std::uint32_t number = 1;                      ///< Of this try, from 1.
  bool sent = false;          ///< A byte of the request was handed to the kernel.
  bool stale_proved = false;  ///< Reused, and nothing of the request was acknowledged.
  bool client_gone = false;
  bool answered = false;           ///< A byte of the response went to the client.
  bool body_replayable = true;     ///< No body, or all that was sent of it is still held.
  bool idempotent = false;         ///< By method (RFC 9110 9.2.2), or because the route says so.
  Nanos time_left = Nanos::max();  ///< Of request_total.
};

struct RetryDecision {
  bool retry = false;
  RetryReason reason = RetryReason::not_asked;
  bool of_budget = true;     ///< The retry needs a token of the retry budget.
  bool dial_afresh = false;  ///< Not on a pooled connection: the last try, after a stale one.
};

/// The one place that decides on another try; the budget is asked after it, where of_budget says
/// so. Never repeats an unsafe request that may have been processed.
RetryDecision decide_retry(const TryFacts& facts, const RetryRules& rules);

/// Whether a try that ended so speaks against its server, or the path to it: for health checks by
/// what requests meet, and for breakers.
bool blames_server(record::Cause cause);

/// RFC 9110 9.2.2: GET, HEAD, OPTIONS, TRACE, PUT, DELETE.
bool idempotent(http::Method method);

}  // namespace finack::client
