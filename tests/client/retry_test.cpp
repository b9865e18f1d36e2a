#include "client/retry.h"

#include <gtest/gtest.h>

#include <vector>

namespace finack::client {
namespace {

using record::Cause;

struct Case {
  const char* what;
  TryFacts facts;
  bool retry;
  RetryReason reason;
};

void check(const std::vector<Case>& cases, const RetryRules& rules = {}) {
  for (const Case& c : cases) {
    const RetryDecision decision = decide_retry(c.facts, rules);
    EXPECT_EQ(decision.retry, c.retry) << c.what;
    EXPECT_EQ(name(decision.reason), name(c.reason)) << c.what;
  }
}

TEST(Retry, what_was_never_sent_may_go_elsewhere_whatever_the_method) {
  check({
      {"refused", {.cause = Cause::upstream_refused}, true, RetryReason::never_sent},
      {"connect timeout", {.cause = Cause::timeout_connect}, true, RetryReason::never_sent},
      {"no name", {.cause = Cause::upstream_resolve_failed}, true, RetryReason::never_sent},
      {"untrusted", {.cause = Cause::upstream_tls_untrusted}, true, RetryReason::never_sent},
      {"out of ports", {.cause = Cause::resource_ports}, true, RetryReason::never_sent},
  });
}

TEST(Retry, an_unsafe_request_is_never_repeated_when_it_may_have_been_processed) {
  const std::vector<Cause> causes = {Cause::upstream_closed_no_head, Cause::upstream_head_truncated,
                                     Cause::upstream_write_refused,  Cause::upstream_stale_reuse,
                                     Cause::network_vanished,        Cause::timeout_send};
  for (const Cause cause : causes) {
    check({{"POST", {.cause = cause, .sent = true}, false, RetryReason::maybe_processed},
           {"GET",
            {.cause = cause, .sent = true, .idempotent = true},
            true,
            RetryReason::idempotent}});
  }
}

TEST(Retry, a_proved_stale_reuse_is_repeated_whatever_the_method) {
  const TryFacts stale{.cause = Cause::upstream_stale_reuse, .sent = true, .stale_proved = true};
  check({{"POST", stale, true, RetryReason::stale_proved}});
  const RetryDecision first = decide_retry(stale, {.tries = 3});
  EXPECT_FALSE(first.of_budget);
  EXPECT_FALSE(first.dial_afresh);
  TryFacts second = stale;
  second.number = 2;
  EXPECT_TRUE(decide_retry(second, {.tries = 3}).dial_afresh);
}

// One server of two that dies breaks half of the live requests at once; a budget of a fifth of them
// would fail the rest, though the other server is well.
TEST(Retry, the_first_retry_after_a_server_that_left_is_free_of_the_budget) {
  const std::vector<Cause> left = {Cause::upstream_closed_no_head, Cause::upstream_head_truncated,
                                   Cause::upstream_write_refused,  Cause::upstream_body_truncated,
                                   Cause::upstream_stale_reuse,    Cause::network_vanished};
  for (const Cause cause : left) {
    TryFacts get{.cause = cause, .sent = true, .idempotent = true};
    EXPECT_FALSE(decide_retry(get, {}).of_budget) << record::name(cause);
    get.number = 2;
    EXPECT_TRUE(decide_retry(get, {}).of_budget) << record::name(cause);
  }
  // Nothing reached a server: nothing was multiplied.
  for (const Cause cause : {Cause::upstream_refused, Cause::timeout_connect}) {
    EXPECT_FALSE(decide_retry({.cause = cause, .number = 2}, {}).of_budget) << record::name(cause);
  }
  // Slow servers and such that say so may be overloaded.
  const TryFacts slow{
      .cause = Cause::timeout_first_response_byte, .sent = true, .idempotent = true};
  EXPECT_TRUE(decide_retry(slow, {.on_timeout = true}).of_budget);
  const TryFacts status{
      .cause = Cause::ok_completed, .status = 503, .sent = true, .idempotent = true};
  EXPECT_TRUE(decide_retry(status, {.statuses = 1ULL << 3}).of_budget);
}

TEST(Retry, what_forbids_it_comes_first) {
  const TryFacts refused{.cause = Cause::upstream_refused};
  auto with = [&](auto change) {
    TryFacts facts = refused;
    change(facts);
    return facts;
  };
  check({
      {"client gone", with([](TryFacts& f) { f.client_gone = true; }), false,
       RetryReason::client_gone},
      {"answered", with([](TryFacts& f) { f.answered = true; }), false, RetryReason::answered},
      {"last try", with([](TryFacts& f) { f.number = 3; }), false, RetryReason::tries_spent},
      {"late", with([](TryFacts& f) { f.time_left = Nanos(0); }), false, RetryReason::time_spent},
      {"body gone", with([](TryFacts& f) { f.body_replayable = false; }), false,
       RetryReason::not_replayable},
      {"our own refusal", with([](TryFacts& f) { f.cause = Cause::policy_denied; }), false,
       RetryReason::not_upstream},
      {"no failure", with([](TryFacts& f) { f.cause = Cause::ok_completed; }), false,
       RetryReason::not_upstream},
  });
}

TEST(Retry, a_slow_server_is_asked_again_only_when_the_rules_say_so) {
  const TryFacts slow{
      .cause = Cause::timeout_first_response_byte, .sent = true, .idempotent = true};
  check({{"default", slow, false, RetryReason::not_asked}});
  check({{"asked", slow, true, RetryReason::idempotent}}, {.on_timeout = true});
}

TEST(Retry, waits_of_our_own_are_no_failure_of_the_server) {
  for (const auto cause : {Cause::timeout_queue, Cause::timeout_drain, Cause::timeout_handler}) {
    const TryFacts ours{.cause = cause, .sent = true, .idempotent = true};
    check({{"ours", ours, false, RetryReason::not_upstream}}, {.on_timeout = true});
  }
}

TEST(Retry, statuses_that_the_rules_name) {
  const RetryRules rules{.statuses = 1ULL << 3};  // 503
  const TryFacts answered{
      .cause = Cause::ok_completed, .status = 503, .sent = true, .idempotent = true};
  check({{"503 to a GET", answered, true, RetryReason::status}}, rules);
  TryFacts post = answered;
  post.idempotent = false;
  check({{"503 to a POST", post, false, RetryReason::maybe_processed}}, rules);
  TryFacts other = answered;
  other.status = 502;
  check({{"502 is not named", other, false, RetryReason::not_upstream}}, rules);
}

TEST(Retry, idempotent_methods_of_rfc_9110) {
  using enum http::Method;
  for (const auto method : {get, head, put, delete_, options, trace})
    EXPECT_TRUE(idempotent(method)) << http::name(method);
  for (const auto method : {post, patch, connect, other})
    EXPECT_FALSE(idempotent(method)) << http::name(method);
}

}  // namespace
}  // namespace finack::client
