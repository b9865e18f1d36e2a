// The one timer of a connection: which wait is due next, and what happens when it fires.
#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

namespace {

constexpr Nanos kRateWindow = std::chrono::seconds(5);

struct Setting {
  const char* flag;
  const char* key;  ///< In a file, under its listener.
  Nanos value;
};

Setting setting_of(TimerKind timer, const Settings& settings) {
  const Timeouts& t = settings.timeouts;
  switch (timer) {
    case TimerKind::first_byte:
      return {"timeout-first-byte", "timeouts.first_byte", t.first_byte};
    case TimerKind::head:
      return {"timeout-head", "timeouts.head", t.head};
    case TimerKind::min_rate:
      return {"min-rate", "limits.min_rate", Nanos{0}};
    case TimerKind::body_idle:
      return {"timeout-body-idle", "timeouts.body_idle", t.body_idle};
    case TimerKind::body_total:
      return {"timeout-body-total", "timeouts.body_total", t.body_total};
    case TimerKind::handler:
      return {"timeout-handler", "timeouts.handler", t.handler};
    case TimerKind::handler_stall:
      return {"timeout-handler-stall", "timeouts.handler_stall", t.handler_stall};
    case TimerKind::response_stall:
      return {"timeout-response-stall", "timeouts.response_stall", t.response_stall};
    case TimerKind::response_total:
      return {"timeout-response-total", "timeouts.response_total", t.response_total};
    case TimerKind::flush:
      return {"timeout-flush", "timeouts.flush", t.flush};
    case TimerKind::idle:
      return {"timeout-idle", "timeouts.idle", t.idle};
    case TimerKind::lifetime:
      return {"timeout-lifetime", "timeouts.lifetime", t.lifetime};
    case TimerKind::drain:
      return {"timeout-drain", "timeouts.drain", t.drain};
    case TimerKind::linger:
      return {"linger", "timeouts.linger", t.linger};
    case TimerKind::resolve:
    case TimerKind::connect:
    case TimerKind::tls:
    case TimerKind::send:
    case TimerKind::first_response_byte:
    case TimerKind::response_idle:
    case TimerKind::per_try:
    case TimerKind::request_total:
    case TimerKind::queue:
    case TimerKind::tunnel_idle:
      break;  // Not an accepted connection's.
  }
  return {"", "", Nanos{0}};
}

/// Takes the wait `timer` into account, when it is on, and started.
void consider(TimerKind timer, Instant since, Nanos limit, TimerKind& best, Instant& at) {
  if (limit == Nanos{0} || since == Instant{} || since + limit >= at) return;
  best = timer;
  at = since + limit;
}

}  // namespace

record::Evidence Connection::timer_evidence(TimerKind timer) const {
  const Setting setting = setting_of(timer, settings());
  record::Evidence evidence;
  evidence.setting_of = settings().path;
  evidence.setting = settings().path == nullptr ? setting.flag : setting.key;
  evidence.setting_value = timer == TimerKind::min_rate
                               ? settings().limits.min_rate
                               : static_cast<std::uint64_t>(setting.value.count());
  return evidence;
}

/// Counts the timer that fired and names it as the evidence.
record::Evidence Connection::note_fired(TimerKind timer) {
  worker().ledger().counters().timer_fired(timer);
  recorder_.note_timer(timer, worker().loop().now());
  return timer_evidence(timer);
}

Connection::Due Connection::next_due() const {
  const Timeouts& t = settings().timeouts;
  Due due;
  if (closing_ != nullptr) {
    const Instant now = worker().loop().now();
    const Instant linger_ends = closing_->since + t.linger;
    if (closing_->acked) return {TimerKind::linger, linger_ends};
    consider(TimerKind::flush, closing_->progress_at, t.flush, due.timer, due.at);
    // Only the acknowledgement is missing, and the kernel does not always announce it.
    const Instant look = peer_fin_ || linger_ends <= now ? now + closing_->poll : linger_ends;
    if (look < due.at) due = {TimerKind::linger, look};
    return due;
  }
  if (phase_ == Phase::fresh)
    consider(TimerKind::first_byte, opened_, t.first_byte, due.timer, due.at);
  if (phase_ == Phase::idle && t.idle != Nanos{0})
    consider(TimerKind::idle, phase_since_, t.idle + t.idle_margin, due.timer, due.at);
  if (phase_ == Phase::idle || phase_ == Phase::fresh)
    consider(TimerKind::lifetime, opened_, t.lifetime, due.timer, due.at);
  if (active_ != nullptr) add_busy_dues(due);
  return due;
}

void Connection::add_busy_dues(Due& due) const {
  const Settings& set = settings();
  const Timeouts& t = set.timeouts;
  const RequestTimes& times = active_->times();
  const auto add = [&due](TimerKind timer, Instant since, Nanos limit) {
    consider(timer, since, limit, due.timer, due.at);
  };
  const bool sending = blocked_ || send_pending_;
  if (phase_ == Phase::head) add(TimerKind::head, times.head_started, t.head);
  // A budget of the whole connection ends what the client drags out, and waits for what we owe.
  if (phase_ == Phase::head || active_->waits_for_body())
    add(TimerKind::lifetime, opened_, t.lifetime);
  if (active_->waits_for_body()) add(TimerKind::body_idle, times.body_waited, t.body_idle);
  if (active_->body_unread()) add(TimerKind::body_total, times.head_done, t.body_total);
  if (set.limits.min_rate > 0 && (phase_ == Phase::head || active_->waits_for_body()))
    add(TimerKind::min_rate, times.rate_since, kRateWindow);
  if ((!active_->handler_running() && !sending) || phase_ == Phase::tunnel) return;
  if (!active_->response_started()) add(TimerKind::handler, times.handler_started, t.handler);
  const SendWatch& watch = active_->sending();
  // Half-way the state of the acknowledgement is noted, to be compared at the end.
  if (sending)
    add(TimerKind::response_stall, watch.progress_at,
        watch.noted ? t.response_stall : t.response_stall / 2);
  if (active_->response_incomplete() && !sending)
    add(TimerKind::handler_stall, times.response_owed, t.handler_stall);
  add(TimerKind::response_total, active_->first_response_byte(), t.response_total);
}

void Connection::rearm() {
  if (over_) return;
  const Due due = next_due();
  if (due.at == Instant::max()) {
    worker().loop().timers().disarm(*this);
  } else {
    worker().loop().timers().arm(*this, due.at);
  }
}

void Connection::on_timer() {
  if (over_) return;
  if (closing_ != nullptr) return fire_closing();
  const Due due = next_due();
  if (due.at > worker().loop().now()) return rearm();
  fire(due.timer);
}

void Connection::fire(TimerKind timer) {
  if (phase_ == Phase::idle || phase_ == Phase::fresh) return fire_idle(timer);
  if (!really_due(timer)) return rearm();
  const bool gone = (timer == TimerKind::response_stall || timer == TimerKind::response_total) &&
                    peer_gone(stream_.tcp_facts());
  record::Evidence evidence = note_fired(timer);
  if (gone) evidence.found_by = record::FoundBy::response_stall;
  active_->note_body_progress(evidence);
  end(judge(timer, phase_, gone ? Facts{kGone} : Facts{0}), evidence);
}

/// Some waits are looked into only when their time is up. False: this one goes on.
bool Connection::really_due(TimerKind timer) {
  const Instant now = worker().loop().now();
  RequestTimes& times = active_->times();
  switch (timer) {
    case TimerKind::min_rate: {
      const std::uint64_t wanted =
          settings().limits.min_rate * (kRateWindow / std::chrono::seconds(1));
      const std::uint64_t got = bytes_in_ - times.rate_bytes;
      times.rate_since = now;
      times.rate_bytes = bytes_in_;
      return got < wanted;
    }
    case TimerKind::body_total:
      if (active_->body_open()) return true;
      times.head_done = {};  // here, though not yet read
      return false;
    case TimerKind::response_stall: {
      SendWatch& watch = active_->sending();
      const std::size_t unacked = stream_.unacknowledged();
      if (!watch.noted) {
        watch.noted = true;
        watch.unacked = unacked;
        return false;
      }
      if (unacked >= watch.unacked) return true;
      watch.start(now);
      return false;
    }
    default:
      return true;
  }
}

/// No request is there. What the kernel has received meanwhile wins; a response that was never
/// acknowledged over the whole idle time means that the client is gone.
void Connection::fire_idle(TimerKind timer) {
  if (stream_.readable()) {
    worker().loop().timers().arm(*this, worker().loop().now() + net::TimerWheel::kTick);
    return;
  }
  record::Evidence evidence = note_fired(timer);
  const bool gone =
      phase_ == Phase::idle && stream_.unacknowledged() > 0 && peer_gone(stream_.tcp_facts());
  if (gone) evidence.found_by = record::FoundBy::flush;
  end(judge(timer, phase_, gone ? Facts{kGone} : Facts{0}), evidence);
}

void Connection::start_rate(RequestTimes& times) const {
  const Instant now = worker().loop().now();
  if (times.rate_since == Instant{}) {
    times.rate_since = now;
    times.rate_bytes = bytes_in_;
  } else {
    times.rate_since += now - times.rate_paused;  // only the time that we waited counts
  }
}

bool Connection::past_lifetime() const {
  const Nanos lifetime = settings().timeouts.lifetime;
  return lifetime != Nanos{0} && worker().loop().now() >= opened_ + lifetime;
}

}  // namespace finack::server
