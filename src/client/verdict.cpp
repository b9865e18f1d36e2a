#include "client/verdict.h"

#include <array>

namespace finack::client {
namespace {

using record::Cause;
using record::Certainty;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

constexpr std::uint32_t bit(Phase phase) { return 1U << static_cast<unsigned>(phase); }
constexpr std::uint32_t bit(EndKind end) { return 1U << static_cast<unsigned>(end); }
constexpr std::uint32_t kAny = ~0U;
/// Broken off: by a RST, or (TLS, EPROTO) by bytes that were no valid TLS.
constexpr std::uint32_t kBroken = bit(EndKind::rst) | bit(EndKind::error);
/// The server's own act; how() says which.
constexpr std::uint32_t kLeft = kBroken | bit(EndKind::fin) | bit(EndKind::truncated);
constexpr std::uint32_t kAlert = bit(EndKind::alert);
constexpr std::uint32_t kAsked = bit(Phase::send) | bit(Phase::wait);

/// One rule: when `ends` and `phases` match, all bits of `need` and none of `forbid` are set. The
/// first that matches wins.
struct Rule {
  std::uint32_t ends;
  std::uint32_t phases;
  Facts need;
  Facts forbid;
  EndedBy ended_by;
  How how;  ///< none: as the stream ended.
  Cause cause;
  Certainty certainty = Certainty::proved;
};

constexpr auto kRules = std::to_array<Rule>({
    // The kernel's own verdicts.
    {bit(EndKind::killed), kAny, 0, 0, EndedBy::local, How::rst, Cause::operator_killed},
    {bit(EndKind::timed_out), kAny, 0, 0, EndedBy::network, How::timeout, Cause::network_vanished},
    {bit(EndKind::unreachable), kAny, 0, 0, EndedBy::network, How::unreachable,
     Cause::network_unreachable},
    {bit(EndKind::no_memory), kAny, 0, 0, EndedBy::local, How::rst, Cause::resource_memory},

    {kLeft | kAlert, bit(Phase::body), kDone, 0, EndedBy::peer, How::none, Cause::ok_completed},

    {kBroken | bit(EndKind::fin), bit(Phase::tls), 0, 0, EndedBy::peer, How::none,
     Cause::upstream_tls_closed},
    {kLeft | kAlert, bit(Phase::pool), 0, 0, EndedBy::peer, How::none, Cause::ok_pool_peer_closed},

    // TLS 1.3: an upstream that wants another certificate says so after the handshake.
    {kAlert, bit(Phase::tls) | kAsked, 0, 0, EndedBy::peer, How::alert, Cause::upstream_tls_alert},

    // A kept connection that was closed while our request was on its way.
    {kLeft, kAsked, kReused | kUnread, kInterim, EndedBy::peer, How::none,
     Cause::upstream_stale_reuse},
    {kLeft, kAsked, kReused | kSoon, kInterim, EndedBy::peer, How::none,
     Cause::upstream_stale_reuse, Certainty::inferred},

    {kBroken, bit(Phase::send), 0, 0, EndedBy::peer, How::rst, Cause::upstream_write_refused},
    {kLeft, kAsked, 0, 0, EndedBy::peer, How::none, Cause::upstream_closed_no_head},
    {kLeft | kAlert, bit(Phase::head), 0, 0, EndedBy::peer, How::none,
     Cause::upstream_head_truncated},
    {kLeft | kAlert, bit(Phase::body), 0, 0, EndedBy::peer, How::none,
     Cause::upstream_body_truncated},
    {kBroken | kAlert | bit(EndKind::truncated), bit(Phase::tunnel), 0, 0, EndedBy::peer, How::none,
     Cause::upstream_left_tunnel},
});

constexpr How how_of(EndKind end) {
  switch (end) {
    case EndKind::fin:
      return How::fin;
    case EndKind::truncated:
      return How::truncated;
    case EndKind::alert:
      return How::alert;
    default:
      return How::rst;
  }
}

struct TimerRule {
  TimerKind timer;
  Cause cause;
};

constexpr auto kTimers = std::to_array<TimerRule>({
    {TimerKind::resolve, Cause::timeout_resolve},
    {TimerKind::connect, Cause::timeout_connect},
    {TimerKind::tls, Cause::timeout_tls},
    {TimerKind::send, Cause::timeout_send},
    {TimerKind::first_response_byte, Cause::timeout_first_response_byte},
    {TimerKind::response_idle, Cause::timeout_response_idle},
    {TimerKind::per_try, Cause::timeout_try},
    {TimerKind::request_total, Cause::timeout_request_total},
    {TimerKind::tunnel_idle, Cause::timeout_tunnel_idle},
    {TimerKind::drain, Cause::timeout_drain},
});

}  // namespace

std::optional<Verdict> judge(EndKind end, record::Phase phase, Facts facts) {
  if ((facts & kDecided) != 0) return std::nullopt;
  for (const Rule& rule : kRules) {
    if ((rule.ends & bit(end)) == 0 || (rule.phases & bit(phase)) == 0) continue;
    if ((facts & rule.need) != rule.need || (facts & rule.forbid) != 0) continue;
    return Verdict{.ended_by = rule.ended_by,
                   .how = rule.how == How::none ? how_of(end) : rule.how,
                   .phase = phase,
                   .cause = rule.cause,
                   .certainty = rule.certainty};
  }
  return std::nullopt;
}

Verdict judge(net::DialError error, int code) {
  constexpr Phase at = Phase::connect;
  switch (error) {
    case net::DialError::refused:
      return {EndedBy::peer, How::refused, at, Cause::upstream_refused};
    case net::DialError::reset:
      return {EndedBy::peer, How::rst, at, Cause::upstream_connect_reset};
    case net::DialError::timed_out:
      return judge(TimerKind::connect, at, code != 0);
    case net::DialError::no_ports:
      return {EndedBy::local, How::none, at, Cause::resource_ports};
    case net::DialError::descriptors:
      return {EndedBy::local, How::rst, at, Cause::resource_descriptors};
    case net::DialError::memory:
      return {EndedBy::local, How::rst, at, Cause::resource_memory};
    default:
      return {EndedBy::network, How::unreachable, at, Cause::upstream_unreachable};
  }
}

Verdict judge(record::TimerKind timer, record::Phase phase, bool gone) {
  if (gone) return {EndedBy::network, How::timeout, phase, Cause::network_vanished};
  for (const TimerRule& rule : kTimers)
    if (rule.timer == timer) return {EndedBy::local, How::timeout, phase, rule.cause};
  return {EndedBy::local, How::timeout, phase, Cause::bug_invariant};
}

How way_out(record::Phase phase, Cause cause) {
  if (record::info(cause).how == "timeout") return How::timeout;
  return phase == Phase::tunnel ? How::rst : How::fin;
}

record::Ending ending_of(const Verdict& verdict, record::Delivered delivered,
                         const record::Evidence& evidence) {
  return {.ended_by = verdict.ended_by,
          .how = verdict.how,
          .phase = verdict.phase,
          .cause = verdict.cause,
          .severity = record::info(verdict.cause).severity,
          .delivered = delivered,
          .undelivered_bytes = 0,
          .evidence = evidence};
}

record::Ending as_request(record::Ending ending) {
  if (record::info(ending.cause).ends_request) return ending;
  ending.cause = Cause::upstream_ejected;
  ending.severity = record::info(ending.cause).severity;
  return ending;
}

}  // namespace finack::client
