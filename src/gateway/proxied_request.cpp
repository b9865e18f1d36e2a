// A proxied request's tries, from the first to the last, and its end. proxied_response.cpp has what
// goes back to the client.
#include "gateway/proxied_request.h"

#include <algorithm>
#include <utility>

#include "gateway/answer.h"
#include "gateway/proxy.h"

namespace finack::gateway {

using client::RetryReason;
using record::Cause;

namespace {

/// While nothing else is waited for, only the client's departure ends this sleep.
constexpr Nanos kUntilGone = std::chrono::hours(24 * 20);
/// A response whose client has left is read to its end when no more than this is left of it, so
/// that its connection can be kept.
constexpr std::uint64_t kDrained = 64 * 1024;
constexpr Nanos kDrainTime = std::chrono::seconds(2);

/// What the request ends with when its last try ended for `last`.
Cause final_cause(RetryReason reason, Cause last, std::uint32_t tries) {
  if (reason == RetryReason::tries_spent && tries > 1) return Cause::upstream_retries_spent;
  if (reason == RetryReason::not_replayable) return Cause::upstream_replay_impossible;
  return last;
}

}  // namespace

ProxiedRequest::ProxiedRequest(Proxy& proxy, const WorkerParts& parts)
    : proxy_(proxy),
      loop_(*parts.loop),
      ledger_(*parts.ledger),
      wall_offset_(parts.wall_offset),
      try_(loop_, ledger_, *this),
      budget_(*this, loop_),
      pause_(*this, loop_) {}

void ProxiedRequest::start(http::Exchange& exchange, Passage passage, std::string_view target) {
  exchange_ = &exchange;
  passage_ = std::move(passage);
  target_.assign(target);
  number_ = 0;
  tried_count_ = 0;
  deadline_ = Instant::max();
  response_due_.reset();
  fresh_only_ = holds_budget_ = holds_slot_ = body_sent_ = responding_ = response_empty_ = paused_ =
      blocked_ = gone_ = false;
  told_ = false;
  WorkerCluster& share = *passage_.share;
  const RouteSettings& route = passage_.route->settings;
  share.enter();
  forwarded_ = passage_.plan->forwarding().prepare(
      exchange.request(), {.peer = exchange.peer(), .host = exchange.request().host, .tls = false},
      route, {share.draw(), share.draw()}, arena_, headers_);
  if (forwarded_.refused != Cause::unknown) return fail(forwarded_.refused);
  if (!forwarded_.request_id.empty()) exchange.set_request_id(forwarded_.request_id);
  body_.begin(exchange, route, passage_.plan->buffer_directory());
  if (body_.fault() != Cause::unknown) return fail(body_.fault());
  watch_client();
  if (const Nanos total = passage_.to->request_total; total != Nanos(0)) {
    deadline_ = loop_.now() + total;
    budget_.set(total, &ProxiedRequest::out_of_time);
  }
  if (route.buffer_request) return gather_body();
  begin_try();
}

// ---- To the server

/// Takes the body in before a server is asked.
void ProxiedRequest::gather_body() {
  switch (body_.gather()) {
    case http::BodyRead::Kind::wait:
      return exchange_->on_body_ready([this] { gather_body(); });
    case http::BodyRead::Kind::cut:
      return body_cut();
    default:
      return begin_try();
  }
}

void ProxiedRequest::begin_try() {
  // Who holds a slot waits for a connection alone, and before all who wait for a slot.
  const bool behind_others = passage_.share->crowded() && !holds_slot_;
  if (behind_others || !begin_if_possible()) queue_up();
}

/// False: it has to wait for a slot.
bool ProxiedRequest::begin_if_possible() {
  Cluster& cluster = *passage_.to->cluster;
  const bool new_slot = !holds_slot_;
  if (new_slot && !cluster.requests.try_take()) return false;
  holds_slot_ = true;
  const Choice choice = passage_.share->pick(exchange_->request(), forwarded_.client,
                                             std::span(tried_).first(tried_count_));
  if (choice.full) {
    if (new_slot) {
      holds_slot_ = false;
      cluster.requests.give_back();
    }
    return false;
  }
  leave_queue();
  if (choice.server) {
    ask(*choice.server);
  } else {
    fail(tries_.empty() ? Cause::upstream_none_healthy : tries_.all().back().cause);
  }
  return true;
}

void ProxiedRequest::queue_up() {
  if (!passage_.to->cluster->take_place()) return fail(Cause::policy_overload_shed);
  holds_place_ = true;
  passage_.share->wait(turn_, holds_slot_);
  if (const Nanos most = passage_.to->queue; most != Nanos(0))
    pause_.set(most, &ProxiedRequest::queued_too_long);
}

void ProxiedRequest::leave_queue() {
  if (!std::exchange(holds_place_, false)) return;
  turn_.unlink();
  pause_.stop();
  passage_.to->cluster->queued.give_back();
}

void ProxiedRequest::give_slot() {
  if (!std::exchange(holds_slot_, false)) return;
  passage_.to->cluster->requests.give_back();
  passage_.share->note_slot();
}

void ProxiedRequest::queued_too_long() {
  ledger_.counters().timer_fired(record::TimerKind::queue);
  fail(Cause::timeout_queue);
}

void ProxiedRequest::ask(std::size_t server) {
  client::Pool& pool = passage_.share->pool(server);
  BoundedCount& pending = passage_.to->cluster->pending;
  if (pending.most() != 0) {
    holds_pending_ = pending.try_take();
    if (!holds_pending_) return fail(Cause::policy_overload_shed);
  }
  server_ = server;
  ++number_;
  try_began_ = loop_.now();
  body_sent_ = false;
  try_.begin(pool, {.number = number_,
                    .fresh_only = std::exchange(fresh_only_, false),
                    .budget = passage_.to->try_budget,
                    .wall_offset = wall_offset_,
                    .timeouts = &passage_.to->timeouts});
}

/// The wait for a connection is over.
void ProxiedRequest::note_connected() {
  if (std::exchange(holds_pending_, false)) passage_.to->cluster->pending.give_back();
}

void ProxiedRequest::on_try_ready() {
  note_connected();
  const http::RequestHead& head = exchange_->request();
  body_.rewind();
  std::string_view body;
  body_sent_ = body_.at_hand(body);
  const http::OutgoingRequest out{.method = head.method_name,
                                  .target = target_,
                                  .host = forwarded_.host,
                                  .headers = headers_,
                                  .framing = body_.framing(),
                                  .content_length = body_.size(),
                                  .te_trailers = forwarded_.te_trailers};
  try_.send(out, head.method, body, !body_sent_);
  pump_body();
}

/// The client's body, piece by piece, as fast as the server takes it.
void ProxiedRequest::pump_body() {
  while (exchange_ != nullptr && !body_sent_ && try_.connected()) {
    const http::BodyRead read = body_.read();
    switch (read.kind) {
      case http::BodyRead::Kind::wait:
        return exchange_->on_body_ready([this] { pump_body(); });
      case http::BodyRead::Kind::cut:
        return body_cut();
      case http::BodyRead::Kind::end:
        body_sent_ = true;
        return try_.finish_body(exchange_->trailers());
      case http::BodyRead::Kind::chunk:
        if (!try_.write(read.bytes)) return;
        break;
    }
  }
}

/// No more of the body is to be had.
void ProxiedRequest::body_cut() {
  if (exchange_ == nullptr) return;  // The exchange has told so already, from inside.
  if (body_.fault() == Cause::unknown) return client_gone();
  if (try_.active()) {
    try_.cancel(Cause::policy_other_leg);
    note_try();
  }
  fail(body_.fault());
}

// ---- Failures

void ProxiedRequest::on_try_failed(const record::Ending& ending) {
  if (exchange_ == nullptr) return done();
  note_connected();
  note_try();
  const Cause cause = ending.cause;
  if (client::blames_server(cause))
    passage_.to->cluster->servers()[server_]->health.failed(loop_.now());
  const client::RetryDecision decision =
      decide({.cause = cause,
              .sent = try_.request_bytes() > 0,
              .stale_proved = cause == Cause::upstream_stale_reuse &&
                              ending.evidence.certainty == record::Certainty::proved});
  if (!retry(decision)) fail(final_cause(decision.reason, cause, number_), cause);
}

/// Adds what holds for all tries of the request.
client::RetryDecision ProxiedRequest::decide(const client::TryFacts& of_try) {
  client::TryFacts facts = of_try;
  facts.number = number_;
  facts.client_gone = gone_;
  facts.answered = responding_;
  facts.body_replayable = body_.replayable();
  facts.idempotent =
      passage_.route->settings.retry.idempotent || client::idempotent(exchange_->request().method);
  if (deadline_ != Instant::max()) facts.time_left = deadline_ - loop_.now();
  return client::decide_retry(facts, passage_.to->retry);
}

bool ProxiedRequest::retry(const client::RetryDecision& decision) {
  if (!decision.retry) return false;
  Cluster& cluster = *passage_.to->cluster;
  if (decision.of_budget && !holds_budget_) {
    holds_budget_ = cluster.retry_budget().try_take(cluster.requests.count());
    if (!holds_budget_) return false;
  }
  fresh_only_ = decision.dial_afresh;
  if (decision.reason == RetryReason::stale_proved) {
    begin_try();  // The server itself is well.
    return true;
  }
  note_tried();
  pause_.set(cluster.backoff().wait(number_, passage_.share->draw()), &ProxiedRequest::begin_try);
  return true;
}

void ProxiedRequest::note_tried() {
  if (tried_count_ == tried_.size()) {
    std::shift_left(tried_.begin(), tried_.end(), 1);
    --tried_count_;
  }
  tried_[tried_count_++] = server_;
}

void ProxiedRequest::out_of_time() {
  ledger_.counters().timer_fired(record::TimerKind::request_total);
  record::Evidence evidence;
  evidence.setting = "timeouts.request_total";
  evidence.setting_value = static_cast<std::uint64_t>(passage_.to->request_total.count());
  if (try_.active()) {
    try_.cancel(Cause::timeout_request_total, evidence);
    if (exchange_ == nullptr) return done();
    note_try();
    tell_breaker(Word::bad);
  }
  fail(Cause::timeout_request_total);
}

/// Answers with an error, or cuts what has begun; `because` decides what the client is told.
void ProxiedRequest::fail(Cause cause, Cause because) {
  tell_breaker(client::blames_server(because) ? Word::bad : Word::none);
  exchange_->set_upstream(tries_.all());
  http::Exchange& exchange = *std::exchange(exchange_, nullptr);
  if (gone_) {
    exchange.abort(exchange.left().cause);
  } else if (responding_) {
    exchange.abort(cause);
  } else {
    answer(exchange, status_of(because), cause,
           passage_.plan->forwarding().proxy_status(because, arena_));
  }
  done();
}

/// Once a request; the first word counts.
void ProxiedRequest::tell_breaker(Word word) {
  if (std::exchange(told_, true)) return;
  client::Breaker& breaker = passage_.to->cluster->breaker();
  switch (word) {
    case Word::good:
      return breaker.succeeded(passage_.admitted, loop_.now());
    case Word::bad:
      return breaker.failed(passage_.admitted, loop_.now());
    case Word::none:
      return breaker.forgotten(passage_.admitted);
  }
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

void ProxiedRequest::done() {
  budget_.stop();
  pause_.stop();
  leave_queue();
  note_connected();
  Cluster& cluster = *passage_.to->cluster;
  if (holds_budget_) cluster.retry_budget().give_back();
  give_slot();
  body_.reset();
  spool_.reset();
  tries_.clear();
  arena_.reset();
  WorkerCluster& share = *passage_.share;
  passage_ = {};
  proxy_.give_back(*this);
  share.leave();
}

// ---- The client leaves

/// The exchange wakes a sleeper when its client leaves.
void ProxiedRequest::watch_client() {
  exchange_->sleep(kUntilGone, [this] {
    if (!exchange_->left()) return watch_client();
    client_gone();
  });
}

void ProxiedRequest::client_gone() {
  const bool may_run = passage_.route->settings.on_client_gone == OnClientGone::run;
  if (may_run && body_sent_ && try_.connected()) {
    gone_ = true;
    spool_.reset();
    return resume();
  }
  const http::Departure left = exchange_->left();
  abandon(left ? left.cause : Cause::app_abort);
}

/// Lets go of the client, and with it of the server, unless its connection can soon be free.
void ProxiedRequest::abandon(Cause cause) {
  tell_breaker(Word::none);
  const bool drain = worth_draining();
  if (try_.active()) {
    if (!drain) try_.cancel(Cause::policy_other_leg);
    record::UpstreamTry one = try_.summary();
    one.cause = Cause::app_cancelled;
    if (drain) one.duration = loop_.now() - try_began_;
    tries_.add(one);
  }
  exchange_->set_upstream(tries_.all());
  std::exchange(exchange_, nullptr)->abort(cause);
  if (!drain) return done();
  resume();
  pause_.set(kDrainTime, &ProxiedRequest::stop_draining);
}

bool ProxiedRequest::worth_draining() const {
  return responding_ && body_sent_ && try_.connected() && response_due_ &&
         *response_due_ <= kDrained;
}

void ProxiedRequest::stop_draining() {
  try_.cancel(Cause::policy_other_leg);
  done();
}

}  // namespace finack::gateway
