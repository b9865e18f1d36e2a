#include "gateway/proxied_request.h"

#include <algorithm>
#include <utility>

#include "gateway/answer.h"
#include "gateway/proxy.h"

namespace finack::gateway {

using client::Breaker;
using client::Progress;
using record::Cause;

namespace {

/// While nothing else is waited for, only the client's departure ends this sleep.
constexpr Nanos kUntilGone = std::chrono::hours(24 * 20);

}  // namespace

ProxiedRequest::ProxiedRequest(Proxy& proxy, const WorkerParts& parts)
    : proxy_(proxy),
      loop_(*parts.loop),
      wall_offset_(parts.wall_offset),
      try_(loop_, *parts.ledger, *this) {}

void ProxiedRequest::start(http::Exchange& exchange, Passage passage, std::string_view target) {
  exchange_ = &exchange;
  passage_ = std::move(passage);
  target_.assign(target);
  number_ = 0;
  fresh_only_ = holds_budget_ = body_taken_ = body_sent_ = responding_ = gone_ = false;
  WorkerCluster& cluster = *passage_.cluster;
  cluster.cluster().requests_live.fetch_add(1, std::memory_order_relaxed);
  forwarded_ = passage_.plan->forwarding().prepare(
      exchange.request(), {.peer = exchange.peer(), .host = exchange.request().host, .tls = false},
      passage_.route->settings, {cluster.draw(), cluster.draw()}, arena_, headers_);
  if (forwarded_.refused != Cause::unknown) return fail(forwarded_.refused);
  if (!forwarded_.request_id.empty()) exchange.set_request_id(forwarded_.request_id);
  watch_client();
  begin_try();
}

/// The exchange wakes a sleeper when its client leaves.
void ProxiedRequest::watch_client() {
  exchange_->sleep(kUntilGone, [this] { client_gone(); });
}

void ProxiedRequest::begin_try() {
  const std::size_t tried = std::min<std::size_t>(number_, tried_.size());
  const auto server = passage_.cluster->pick(exchange_->request(), forwarded_.client,
                                             std::span(tried_).first(tried));
  if (!server) return fail(Cause::upstream_none_healthy);
  server_ = *server;
  tried_[number_ % tried_.size()] = server_;
  ++number_;
  try_began_ = loop_.now();
  try_.begin(passage_.cluster->pool(server_),
             {.number = number_,
              .fresh_only = std::exchange(fresh_only_, false),
              .budget = passage_.cluster->cluster().settings().timeouts.try_,
              .wall_offset = wall_offset_});
}

void ProxiedRequest::on_try_ready() {
  const http::RequestHead& head = exchange_->request();
  http::OutgoingRequest out{.method = head.method_name,
                            .target = target_,
                            .host = forwarded_.host,
                            .headers = headers_,
                            .framing = head.framing,
                            .content_length = head.content_length,
                            .te_trailers = forwarded_.te_trailers};
  std::string_view body;
  body_sent_ = head.framing == http::Framing::none || exchange_->body_at_hand(body);
  if (body_sent_ && head.framing == http::Framing::chunked) {
    out.framing = http::Framing::length;
    out.content_length = body.size();
  }
  try_.send(out, head.method, body, !body_sent_);
  if (!body_sent_) pump_body();
}

/// The client's body, piece by piece, as fast as the server takes it.
void ProxiedRequest::pump_body() {
  while (!gone_ && !body_sent_ && try_.connected()) {
    const http::BodyRead read = exchange_->read_body();
    switch (read.kind) {
      case http::BodyRead::Kind::wait:
        return exchange_->on_body_ready([this] { pump_body(); });
      case http::BodyRead::Kind::cut:
        return client_gone();
      case http::BodyRead::Kind::end:
        body_sent_ = true;
        return try_.finish_body(exchange_->trailers());
      case http::BodyRead::Kind::chunk:
        body_taken_ = true;
        if (!try_.write(read.bytes)) return;
        break;
    }
  }
}

// ---- The response

void ProxiedRequest::on_try_interim(const http::ReceivedResponse& head) {
  if (head.status == 100) return;  // The server before us answers the client's Expect.
  headers_ = head.headers;
  passage_.plan->forwarding().prepare_response(head.minor, passage_.route->settings, {}, headers_);
  exchange_->inform(head.status, headers_);
}

void ProxiedRequest::on_try_response(const http::ReceivedResponse& head, std::string_view body,
                                     Progress progress) {
  note_success();
  responding_ = true;
  respond(head, body, progress != Progress::more);
  if (progress != Progress::more) done();
}

void ProxiedRequest::respond(const http::ReceivedResponse& head, std::string_view body,
                             bool complete) {
  headers_ = head.headers;
  passage_.plan->forwarding().prepare_response(
      head.minor, passage_.route->settings,
      {.set_cookie = passage_.set_cookie, .request_id = forwarded_.request_id}, headers_);
  http::ResponseHead out;
  out.status = head.status;
  out.reason = head.reason;
  out.headers = headers_;
  if (complete && head.framing != http::ResponseFraming::none) {
    out.content_length = body.size();
    exchange_->respond(out, body);
    return;
  }
  if (head.content_length) out.content_length = *head.content_length;
  exchange_->start(out);
  if (complete) return exchange_->finish();
  forward_body(body);
}

void ProxiedRequest::forward_body(std::string_view bytes) {
  if (bytes.empty() || exchange_->write(bytes) != http::WriteState::wait) return;
  try_.pause_reading();
  exchange_->on_write_ready([this] {
    if (try_.connected()) try_.resume_reading();
  });
}

void ProxiedRequest::on_try_body(std::string_view bytes, Progress progress,
                                 std::span<const http::Header> trailers) {
  if (progress == Progress::more) return forward_body(bytes);
  if (!bytes.empty()) exchange_->write(bytes);
  exchange_->finish(trailers);
  done();
}

void ProxiedRequest::on_try_tunnel_bytes(std::string_view) {}
void ProxiedRequest::on_try_tunnel_fin() {}

// ---- Failures

void ProxiedRequest::note_success() {
  WorkerCluster& cluster = *passage_.cluster;
  const Instant now = loop_.now();
  cluster.observe(server_, now - try_began_);
  cluster.cluster().servers()[server_]->health.succeeded();
  cluster.cluster().breaker().succeeded(passage_.admitted, now);
}

void ProxiedRequest::note_failure(const record::Ending& ending) {
  // A kept connection that was closed says nothing of its server's health.
  if (ending.cause == Cause::upstream_stale_reuse) return;
  passage_.cluster->cluster().servers()[server_]->health.failed(loop_.now());
}

bool ProxiedRequest::retry(const record::Ending& ending) {
  Cluster& cluster = passage_.cluster->cluster();
  const client::RetryDecision decision =
      client::decide_retry({.cause = ending.cause,
                            .number = number_,
                            .sent = try_.request_bytes() > 0,
                            .stale_proved = ending.cause == Cause::upstream_stale_reuse &&
                                            ending.evidence.certainty == record::Certainty::proved,
                            .client_gone = gone_,
                            .answered = responding_,
                            .body_replayable = !body_taken_,
                            .idempotent = passage_.route->settings.retry.idempotent ||
                                          client::idempotent(exchange_->request().method)},
                           cluster.retry_rules());
  if (!decision.retry) return false;
  if (decision.of_budget && !holds_budget_) {
    holds_budget_ = cluster.retry_budget().try_take(cluster.requests_live);
    if (!holds_budget_) return false;
  }
  fresh_only_ = decision.dial_afresh;
  if (decision.reason == client::RetryReason::stale_proved) {
    tried_[(number_ - 1) % tried_.size()] = ~std::size_t{0};  // The server itself is well.
    begin_try();
    return true;
  }
  exchange_->sleep(cluster.backoff().wait(number_, passage_.cluster->draw()), [this] {
    if (exchange_->left()) return client_gone();
    watch_client();
    begin_try();
  });
  return true;
}

void ProxiedRequest::on_try_failed(const record::Ending& ending) {
  note_failure(ending);
  if (!retry(ending)) fail(ending.cause);
}

void ProxiedRequest::fail(Cause cause) {
  passage_.cluster->cluster().breaker().failed(passage_.admitted, loop_.now());
  if (responding_) {
    exchange_->abort(cause);
  } else {
    answer(*exchange_, status_of(cause), cause);
  }
  done();
}

void ProxiedRequest::client_gone() {
  gone_ = true;
  try_.cancel(Cause::policy_other_leg);
  if (!responding_) passage_.cluster->cluster().breaker().forgotten(passage_.admitted);
  const http::Departure left = exchange_->left();
  exchange_->abort(left ? left.cause : Cause::app_abort);
  done();
}

void ProxiedRequest::done() {
  Cluster& cluster = passage_.cluster->cluster();
  if (holds_budget_) cluster.retry_budget().give_back();
  cluster.requests_live.fetch_sub(1, std::memory_order_relaxed);
  exchange_ = nullptr;
  passage_ = {};
  arena_.reset();
  proxy_.give_back(*this);
}

}  // namespace finack::gateway
