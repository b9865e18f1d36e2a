#include "gateway/proxied_request.h"

#include <utility>

#include "finack/http/hop_by_hop.h"
#include "gateway/answer.h"
#include "gateway/proxy.h"

namespace finack::gateway {

using client::Breaker;
using client::Progress;
using record::Cause;

namespace {

/// While nothing else is waited for, only the client's departure ends this sleep.
constexpr Nanos kUntilGone = std::chrono::hours(24 * 20);

bool has_body(const http::RequestHead& head) { return head.framing != http::Framing::none; }

}  // namespace

ProxiedRequest::ProxiedRequest(Proxy& proxy, const WorkerParts& parts)
    : proxy_(proxy),
      loop_(*parts.loop),
      wall_offset_(parts.wall_offset),
      try_(loop_, *parts.ledger, *this) {}

void ProxiedRequest::start(http::Exchange& exchange, WorkerCluster& cluster,
                           Breaker::Admit admitted) {
  exchange_ = &exchange;
  cluster_ = &cluster;
  admitted_ = admitted;
  tried_ = 0;
  number_ = 0;
  fresh_only_ = retrying_ = body_taken_ = body_sent_ = responding_ = gone_ = false;
  cluster.cluster().requests_live.fetch_add(1, std::memory_order_relaxed);
  watch_client();
  loop_.defer(next_try_);
}

/// The exchange wakes a sleeper when its client leaves.
void ProxiedRequest::watch_client() {
  exchange_->sleep(kUntilGone, [this] { client_gone(); });
}

void ProxiedRequest::begin_try() {
  if (gone_) return;
  server_ = cluster_->pick(tried_);
  if (server_ == WorkerCluster::kNone) {
    answer(*exchange_, 503, Cause::upstream_none_healthy);
    return done();
  }
  if (server_ < 64) tried_ |= std::uint64_t{1} << server_;
  ++number_;
  const auto& timeouts = cluster_->cluster().settings().timeouts;
  try_.begin(cluster_->pool(server_), {.number = number_,
                                       .fresh_only = std::exchange(fresh_only_, false),
                                       .budget = timeouts.try_,
                                       .wall_offset = wall_offset_});
}

void ProxiedRequest::on_try_ready() {
  const http::RequestHead& head = exchange_->request();
  headers_.assign(head.headers.begin(), head.headers.end());
  const auto hop = http::remove_hop_by_hop(headers_);
  http::remove_rewritten(headers_);
  std::erase_if(headers_, [](const http::Header& h) { return http::equals_name(h.name, "expect"); });
  http::OutgoingRequest out;
  out.method = head.method_name;
  out.target = head.target;
  out.host = head.host;
  out.headers = headers_;
  out.te_trailers = hop.te_trailers;
  out.framing = head.framing;
  out.content_length = head.content_length;
  std::string_view body;
  const bool at_hand = !has_body(head) || exchange_->body_at_hand(body);
  body_sent_ = at_hand;
  if (at_hand && head.framing == http::Framing::chunked) {
    out.framing = http::Framing::length;
    out.content_length = body.size();
  }
  try_.send(out, head.method, body, !at_hand);
  if (!at_hand) pump_body();
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

void ProxiedRequest::on_try_interim(const http::ReceivedResponse& head) {
  if (head.status == 100) return;  // The server before us has answered the client's Expect.
  headers_ = head.headers;
  http::remove_hop_by_hop(headers_);
  exchange_->inform(head.status, headers_);
}

void ProxiedRequest::on_try_response(const http::ReceivedResponse& head, std::string_view body,
                                     Progress progress) {
  judge(nullptr);
  responding_ = true;
  respond(head, body, progress != Progress::more);
  if (progress != Progress::more) done();
}

void ProxiedRequest::respond(const http::ReceivedResponse& head, std::string_view body,
                             bool complete) {
  headers_ = head.headers;
  http::remove_hop_by_hop(headers_);
  http::remove_rewritten(headers_);
  http::ResponseHead out;
  out.status = head.status;
  out.reason = head.reason;
  out.headers = headers_;
  if (complete) {
    out.content_length = head.content_length.value_or(body.size());
    if (exchange_->request().method == http::Method::head) {
      exchange_->start(out);
      return exchange_->finish();
    }
    out.content_length = body.size();
    exchange_->respond(out, body);
    return;
  }
  if (head.framing == http::ResponseFraming::length) out.content_length = *head.content_length;
  exchange_->start(out);
  forward_body(body);
}

void ProxiedRequest::forward_body(std::string_view bytes) {
  if (bytes.empty()) return;
  if (exchange_->write(bytes) != http::WriteState::wait) return;
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

/// Tells breaker and health what this try met.
void ProxiedRequest::judge(const record::Ending* failure) {
  client::UpstreamServer& server = *cluster_->cluster().servers()[server_];
  if (failure == nullptr) return server.health.succeeded();
  if (failure->cause == Cause::upstream_stale_reuse) return;  // Says nothing of its health.
  server.health.failed(loop_.now());
}

bool ProxiedRequest::retry(const record::Ending& ending, int status) {
  const http::RequestHead& head = exchange_->request();
  const client::RetryDecision decision = client::decide_retry(
      {.cause = ending.cause,
       .status = status,
       .number = number_,
       .sent = try_.request_bytes() > 0,
       .stale_proved = ending.cause == Cause::upstream_stale_reuse &&
                       ending.evidence.certainty == record::Certainty::proved,
       .client_gone = gone_,
       .answered = responding_,
       .body_replayable = !body_taken_,
       .idempotent = client::idempotent(head.method)},
      cluster_->cluster().retry_rules());
  if (!decision.retry) return false;
  Cluster& cluster = cluster_->cluster();
  if (decision.of_budget && !retrying_) {
    retrying_ = cluster.retry_budget().try_take(cluster.requests_live);
    if (!retrying_) return false;
  }
  fresh_only_ = decision.dial_afresh;
  if (decision.reason == client::RetryReason::stale_proved) {
    if (server_ < 64) tried_ &= ~(std::uint64_t{1} << server_);  // The server itself is well.
    loop_.defer(next_try_);
    return true;
  }
  exchange_->sleep(cluster.backoff().wait(number_, cluster_->draw() << 32 ^ cluster_->draw()),
                   [this] {
                     watch_client();
                     if (exchange_->left()) return client_gone();
                     loop_.defer(next_try_);
                   });
  return true;
}

void ProxiedRequest::on_try_failed(const record::Ending& ending) {
  judge(&ending);
  if (gone_) return;
  if (retry(ending, 0)) return;
  fail(ending);
}

void ProxiedRequest::fail(const record::Ending& ending) {
  cluster_->cluster().breaker().failed(std::exchange(admitted_, Breaker::Admit::yes), loop_.now());
  if (responding_) {
    exchange_->abort(ending.cause);
  } else {
    answer(*exchange_, status_of(ending.cause), ending.cause);
  }
  done();
}

void ProxiedRequest::client_gone() {
  if (gone_) return;
  gone_ = true;
  next_try_.unlink();
  if (try_.active()) try_.cancel(Cause::policy_other_leg);
  const http::Departure left = exchange_->left();
  exchange_->abort(left ? left.cause : Cause::app_abort);
  done();
}

void ProxiedRequest::done() {
  Cluster& cluster = cluster_->cluster();
  if (retrying_) cluster.retry_budget().give_back();
  cluster.requests_live.fetch_sub(1, std::memory_order_relaxed);
  exchange_ = nullptr;
  proxy_.give_back(*this);
}

}  // namespace finack::gateway
