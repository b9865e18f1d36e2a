// A proxied request: its way to a server, its failures, its end. proxied_queue.cpp has what comes
// before a try, proxied_response.cpp what goes back, proxied_tunnel.cpp what comes behind a 101,
// proxied_departure.cpp who leaves.
#include "gateway/proxied_request.h"

#include <algorithm>
#include <utility>

#include "gateway/answer.h"
#include "gateway/proxy.h"
#include "http/cause_status.h"

namespace finack::gateway {

using client::RetryReason;
using record::Cause;

namespace {

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
  target_ = target.data() == exchange.request().target.data() ? target : arena_.copy(target);
  number_ = 0;
  tried_count_ = 0;
  deadline_ = Instant::max();
  response_due_.reset();
  fresh_only_ = holds_budget_ = holds_slot_ = body_sent_ = responding_ = response_empty_ = paused_ =
      blocked_ = gone_ = false;
  told_ = tunnel_ = server_fin_ = awaits_body_ = false;
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

void ProxiedRequest::let_go_of_server() {
  if (server_ != nullptr) passage_.share->let_go(*std::exchange(server_, nullptr));
}

void ProxiedRequest::ask(ServerShare& server) {
  BoundedCount& pending = passage_.to->cluster->pending;
  if (pending.most() != 0) {
    holds_pending_ = pending.try_take();
    if (!holds_pending_) return shed("pending");
  }
  passage_.share->hold(server);
  let_go_of_server();
  server_ = &server;
  server.server->health.tried_again(loop_.now());
  if (++number_ > 1) exchange_->set_other_leg({});
  try_began_ = loop_.now();
  body_sent_ = awaits_body_ = false;
  try_.begin(server.pool, {.number = number_,
                           .fresh_only = std::exchange(fresh_only_, false),
                           .budget = passage_.to->try_budget,
                           .wait = passage_.to->queue,
                           .wall_offset = wall_offset_,
                           .timeouts = &passage_.to->timeouts,
                           .other_leg = exchange_->connection(),
                           .other_number = exchange_->number()});
}

/// The wait for a connection is over.
void ProxiedRequest::note_connected() {
  if (std::exchange(holds_pending_, false)) passage_.to->cluster->pending.give_back();
}

void ProxiedRequest::on_try_ready() {
  note_connected();
  exchange_->set_other_leg(try_.connection());
  const http::RequestHead& head = exchange_->request();
  body_.rewind();
  std::string_view body;
  body_sent_ = body_.at_hand(body);
  // HTTP/1.0 knows no Host, and servers refuse an empty one.
  const std::string_view host = forwarded_.host.empty() ? server_->server->host() : forwarded_.host;
  const http::OutgoingRequest out{.method = head.method_name,
                                  .target = target_,
                                  .host = host,
                                  .headers = headers_,
                                  .framing = body_.framing(),
                                  .content_length = body_.size(),
                                  .te_trailers = forwarded_.te_trailers,
                                  .upgrade = forwarded_.upgrade};
  try_.send(out, head.method, body, !body_sent_);
  pump_body();
}

/// The client's body, piece by piece, as fast as the server takes it.
void ProxiedRequest::pump_body() {
  while (exchange_ != nullptr && !body_sent_ && try_.connected()) {
    const http::BodyRead read = body_.read();
    awaits_body_ = read.kind == http::BodyRead::Kind::wait;
    switch (read.kind) {
      case http::BodyRead::Kind::wait:
        return exchange_->on_body_ready([this] { pump_body(); });
      case http::BodyRead::Kind::cut:
        return body_cut();
      case http::BodyRead::Kind::end:
        body_sent_ = true;
        return finish_body();
      case http::BodyRead::Kind::chunk:
        if (!try_.write(read.bytes)) return;
        break;
    }
  }
}

void ProxiedRequest::finish_body() {
  std::vector<http::Header>& trailers = proxy_.scratch_headers();
  passage_.plan->forwarding().prepare_trailers(exchange_->request(), exchange_->trailers(),
                                               passage_.route->settings, trailers);
  try_.finish_body(trailers);
}

/// No more of the body is to be had.
void ProxiedRequest::body_cut() {
  if (exchange_ == nullptr) return;  // The exchange has told so already, from inside.
  if (body_.fault() == Cause::unknown) return client_gone();
  if (try_.active()) {
    cancel_for(body_.fault());
    note_try();
  }
  fail(body_.fault());
}

// ---- Failures

void ProxiedRequest::on_try_failed(const record::Ending& ending) {
  if (exchange_ == nullptr) return done();
  if (tunnel_) return tunnel_left(ending);
  note_connected();
  note_try();
  const Cause cause = ending.cause;
  if (blames_server(cause)) server_->server->health.failed(loop_.now());
  const client::RetryDecision decision =
      decide({.cause = cause,
              .sent = try_.sent(),
              .stale_proved = cause == Cause::upstream_stale_reuse &&
                              ending.evidence.certainty == record::Certainty::proved});
  if (!retry(decision)) fail(final_cause(decision.reason, cause, number_), cause);
}

/// By its method, or because the route says so.
bool ProxiedRequest::may_be_repeated() const {
  return passage_.route->settings.retry.idempotent ||
         client::idempotent(exchange_->request().method);
}

/// Adds what holds for all tries of the request.
client::RetryDecision ProxiedRequest::decide(const client::TryFacts& of_try) {
  client::TryFacts facts = of_try;
  facts.number = number_;
  facts.client_gone = gone_;
  facts.answered = responding_;
  facts.body_replayable = body_.replayable();
  facts.idempotent = may_be_repeated();
  if (deadline_ != Instant::max()) facts.time_left = deadline_ - loop_.now();
  return client::decide_retry(facts, passage_.to->retry);
}

bool ProxiedRequest::retry(const client::RetryDecision& decision) {
  if (!decision.retry) return false;
  Cluster& cluster = *passage_.to->cluster;
  client::RetryBudget& budget = cluster.retry_budget();
  if (!holds_budget_ && decision.of_budget) {
    holds_budget_ = budget.try_take(cluster.requests.count());
    if (!holds_budget_) return false;
  } else if (!holds_budget_ && budget.limited() && decision.reason != RetryReason::stale_proved) {
    holds_budget_ = budget.try_take_free();
    if (!holds_budget_) return false;
  }
  fresh_only_ = decision.dial_afresh;
  if (decision.reason == RetryReason::stale_proved) {
    // The server itself is well, unless it died and took its connections with it: the last try goes
    // to another.
    if (decision.dial_afresh) note_tried();
    begin_try();
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
  tried_[tried_count_++] = server_->server->number;
}

void ProxiedRequest::out_of_time() {
  ledger_.counters().timer_fired(record::TimerKind::request_total);
  record::Evidence evidence;
  evidence.setting = "timeouts.request_total";
  evidence.setting_of = passage_.to->timeouts.owner(record::TimerKind::request_total);
  evidence.setting_value = static_cast<std::uint64_t>(passage_.to->request_total.count());
  if (try_.active()) {
    try_.cancel(Cause::timeout_request_total, evidence);
    if (exchange_ == nullptr) return done();
    note_try();
    tell_breaker(awaits_body_ ? Word::none : Word::bad);
  }
  fail(Cause::timeout_request_total);
}

/// `full`: what has no room.
void ProxiedRequest::shed(const char* full) {
  fail(Cause::policy_overload_shed, Cause::policy_overload_shed, full);
}

/// Answers with an error, or cuts what has begun; `because` decides what the client is told.
void ProxiedRequest::fail(Cause cause, Cause because, const char* resource) {
  tell_breaker(blames_server(because) ? Word::bad : Word::none);
  exchange_->set_upstream(tries_.all());
  http::Exchange& exchange = *std::exchange(exchange_, nullptr);
  if (gone_) {
    exchange.abort(exchange.left().cause);
  } else if (responding_) {
    exchange.abort(cause);
  } else {
    record::Evidence evidence;
    if (because != cause) evidence.reason = record::name(because).data();
    if (cause == Cause::policy_bad_request) evidence.reason = forwarded_.reason;
    evidence.resource = resource;
    if (body_.error() != 0) {
      evidence.error = body_.error();
      evidence.resource = cause == Cause::resource_disk ? "disk" : "descriptors";
    }
    if (cause == Cause::timeout_queue) {
      evidence.setting = "timeouts.queue";
      evidence.setting_of = passage_.to->timeouts.owner(record::TimerKind::queue);
      evidence.setting_value = static_cast<std::uint64_t>(passage_.to->queue.count());
    }
    const int status = http::status_of(because);
    answer(exchange, status != 0 ? status : 502, cause,
           passage_.plan->forwarding().proxy_status(because, arena_), &evidence);
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

void ProxiedRequest::done() {
  budget_.stop();
  pause_.stop();
  leave_queue();
  note_connected();
  Cluster& cluster = *passage_.to->cluster;
  if (holds_budget_) cluster.retry_budget().give_back();
  give_connection();
  give_slot();
  body_.reset();
  spool_.reset();
  tries_.clear();
  arena_.reset();
  let_go_of_server();
  WorkerCluster& share = *passage_.share;
  passage_ = {};
  proxy_.give_back(*this);
  share.leave();
}

}  // namespace finack::gateway
