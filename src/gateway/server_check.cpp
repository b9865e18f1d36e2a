#include "gateway/server_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "base/unit_draw.h"
#include "client/retry.h"

namespace finack::gateway {

using client::Connection;
using client::Progress;
using record::Cause;
using record::Phase;
using record::TimerKind;

namespace {

/// A check has one limit for all of it.
constexpr client::Timeouts kNone{.resolve = Nanos(0),
                                 .connect = Nanos(0),
                                 .tls = Nanos(0),
                                 .send = Nanos(0),
                                 .first_response_byte = Nanos(0),
                                 .response_idle = Nanos(0),
                                 .tunnel_idle = Nanos(0)};
/// Of an answer's body; with the rest unread the connection is cut.
constexpr std::size_t kMostBody = 64 * 1024;
/// The first check comes within this part of the interval, the others as much early or late: what
/// was started together does not ask together for ever.
constexpr double kJitter = 0.1;

constexpr auto kHeaders =
    std::to_array<http::Header>({{.name = "User-Agent", .value = "finack-health-check"}});

Nanos scaled(Nanos whole, double by) {
  return Nanos(static_cast<Nanos::rep>(static_cast<double>(whole.count()) * by));
}

/// What the check waited for when its time was up.
TimerKind timer_of(Phase phase) {
  switch (phase) {
    case Phase::resolve:
      return TimerKind::resolve;
    case Phase::connect:
      return TimerKind::connect;
    case Phase::tls:
      return TimerKind::tls;
    case Phase::send:
      return TimerKind::send;
    case Phase::wait:
      return TimerKind::first_response_byte;
    case Phase::head:
    case Phase::body:
      return TimerKind::response_idle;
    default:
      return TimerKind::per_try;
  }
}

}  // namespace

ServerCheck::ServerCheck(const WorkerParts& parts, std::shared_ptr<Cluster> cluster,
                         std::shared_ptr<client::UpstreamServer> server, std::mt19937_64& random,
                         std::function<void()> emptied)
    : parts_(parts),
      cluster_(std::move(cluster)),
      server_(std::move(server)),
      random_(random),
      emptied_(std::move(emptied)),
      probed_(server_->name, server_->target, {}, no_quota_, cluster_->pool_rules().idle),
      host_(settings().host.empty() ? server_->host() : settings().host),
      next_(*this, *parts_.loop),
      deadline_(*this, *parts_.loop) {
  next_.set(scaled(settings().interval, kJitter * unit_draw(random_())), &ServerCheck::begin);
}

ServerCheck::~ServerCheck() { assert(idle() && "a check outlives its server's checks"); }

Nanos ServerCheck::until_next() {
  const double jitter = kJitter * (2 * unit_draw(random_()) - 1);
  const Instant due = begun_ + scaled(settings().interval, 1 + jitter);
  return std::max(Nanos(0), Nanos(due - parts_.loop->now()));
}

void ServerCheck::begin() {
  begun_ = parts_.loop->now();
  decided_ = false;
  body_bytes_ = 0;
  probed_.take_connection(0);
  connection_ =
      std::make_unique<Connection>(Connection::Options{.loop = parts_.loop,
                                                       .ledger = parts_.health_ledger,
                                                       .server = &probed_,
                                                       .owner = this,
                                                       .timeouts = &kNone,
                                                       .limits = &cluster_->response_limits(),
                                                       .resolver = parts_.resolver,
                                                       .id = parts_.ids->next(),
                                                       .purpose = record::Purpose::health,
                                                       .wall_offset = parts_.wall_offset});
  deadline_.set(settings().timeout, &ServerCheck::out_of_time);
  connection_->dial();
}

void ServerCheck::on_connected(Connection& connection) {
  if (settings().kind == CheckKind::tcp) {
    passed();
    return connection.cut(Cause::policy_health_check);
  }
  connection.send(
      *this,
      {.target = settings().path, .host = host_, .headers = kHeaders, .close = true, .upgrade = {}},
      http::Method::get, {}, false, kNone);
}

void ServerCheck::on_response(const http::ReceivedResponse& head, std::string_view body,
                              Progress progress) {
  status_ = head.status;
  take(body.size(), progress);
}

void ServerCheck::on_body(std::string_view bytes, Progress progress,
                          std::span<const http::Header>) {
  take(bytes.size(), progress);
}

/// An answer counts when it is whole: closed on before that, the kernel would reset the server's
/// connection, and one that breaks off is a failure.
void ServerCheck::take(std::size_t body_bytes, Progress progress) {
  body_bytes_ += body_bytes;
  if (progress == Progress::more && body_bytes_ <= kMostBody) return;
  if (progress == Progress::cut) {
    failed("the response broke off");
    connection_->cut(Cause::policy_health_check);
    return;
  }
  const bool fits = std::ranges::any_of(settings().expected, [this](const StatusRange& range) {
    return range.low <= status_ && status_ <= range.high;
  });
  fits ? passed() : failed(fmt::format("answered {}", status_));
  connection_->cut(Cause::policy_health_check);
}

void ServerCheck::out_of_time() {
  const TimerKind timer = timer_of(connection_->phase());
  parts_.health_ledger->counters().timer_fired(timer);
  record::Evidence evidence;
  evidence.setting = "health.active.timeout";
  evidence.setting_of = cluster_->timeouts().cluster;
  evidence.setting_value = static_cast<std::uint64_t>(settings().timeout.count());
  connection_->cancel(client::judge(timer, connection_->phase(), false).cause, evidence);
}

void ServerCheck::on_ended(Connection&, const record::Ending& ending) {
  deadline_.stop();
  // Want of descriptors or ports is ours: all servers would go down for it.
  if (!decided_ && client::blames_server(ending.cause)) failed(name(ending.cause));
}

/// Not before its descriptor is closed does the next one come.
void ServerCheck::on_gone(Connection&) {
  connection_.reset();
  if (stopped_) return emptied_();
  next_.set(until_next(), &ServerCheck::begin);
}

void ServerCheck::passed() {
  decided_ = true;
  if (server().health.check_passed(parts_.loop->now())) {
    const std::uint32_t rise = settings().rise;
    say("is up", rise == 1 ? "a check passed" : fmt::format("{} checks in a row passed", rise));
  }
  silent_ = false;
}

void ServerCheck::failed(std::string_view why) {
  decided_ = true;
  if (server().health.check_failed(parts_.loop->now())) {
    const std::uint32_t fall = settings().fall;
    say("is down", fall == 1 ? fmt::format("a check failed: {}", why)
                             : fmt::format("{} checks in a row failed, the last: {}", fall, why));
  } else if (silent_ && !settings().starts_up) {
    say("is not up yet", fmt::format("its first check failed: {}", why));
  }
  silent_ = false;
}

void ServerCheck::say(std::string_view what, std::string_view why) const {
  if (!parts_.say) return;
  parts_.say(fmt::format("cluster {}: server {} {}: {}", cluster_->settings().name, server().name,
                         what, why));
}

void ServerCheck::stop(Cause cause) {
  stopped_ = true;
  next_.stop();
  if (connection_ != nullptr) connection_->cut(cause);
}

}  // namespace finack::gateway
