#include "server/verdict.h"

#include <array>
#include <cerrno>

namespace finack::server {
namespace {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

constexpr std::uint32_t bit(Phase phase) { return 1U << static_cast<unsigned>(phase); }
constexpr std::uint64_t bit(Event event) { return event.mask(); }
constexpr std::uint32_t kAny = ~0U;
constexpr std::uint64_t kEnd = bit(TimerKind{}) - 1;
constexpr std::uint64_t kReset = bit(EndKind::rst) | bit(EndKind::error);
constexpr std::uint64_t kOver = kEnd & ~(bit(EndKind::fin) | bit(EndKind::none));
constexpr std::uint32_t kServing = bit(Phase::body) | bit(Phase::queue) | bit(Phase::handling) |
                                   bit(Phase::response) | bit(Phase::flush);

enum class At : std::uint8_t { here, handling, nothing };

/// One rule: when `events` and `phases` match, all bits of `need` and none of `forbid` are set. The
/// first that matches wins. `at` says in which phase the deciding event happened.
struct Rule {
  std::uint64_t events;
  std::uint32_t phases;
  Facts need;
  Facts forbid;
  EndedBy ended_by;
  How how;
  Cause cause;
  At at;
};

constexpr Rule nothing(std::uint64_t events, std::uint32_t phases, Facts need, Facts forbid) {
  return {events, phases, need, forbid, EndedBy::local, How::none, Cause::unknown, At::nothing};
}

constexpr Rule fires(TimerKind timer, Cause cause) {
  return {bit(timer), kAny, 0, 0, EndedBy::local, How::timeout, cause, At::here};
}

constexpr auto kRules = std::to_array<Rule>({
    // Whoever decided first stays; what follows is evidence.
    nothing(kEnd, kAny, kDecided, 0),
    // ok.* holds only when nothing worse comes before the last acknowledgement.
    nothing(kEnd, kAny, kDecidedOk, kUnacked | kUnsent),

    // The kernel's own verdicts.
    {bit(EndKind::killed), kAny, 0, 0, EndedBy::local, How::rst, Cause::operator_killed, At::here},
    {bit(EndKind::timed_out), kAny, 0, 0, EndedBy::network, How::timeout, Cause::network_vanished,
     At::here},
    {bit(EndKind::unreachable), kAny, 0, 0, EndedBy::network, How::unreachable,
     Cause::network_unreachable, At::here},
    // A read or write failed for want of memory here: no act of the peer's.
    {bit(EndKind::no_memory), kAny, 0, 0, EndedBy::local, How::rst, Cause::resource_memory,
     At::here},

    // Before a request.
    {bit(EndKind::fin), bit(Phase::fresh), 0, 0, EndedBy::peer, How::fin, Cause::client_silent,
     At::here},
    {kReset, bit(Phase::fresh), 0, 0, EndedBy::peer, How::rst, Cause::client_silent, At::here},
    {bit(EndKind::fin), bit(Phase::head), 0, 0, EndedBy::peer, How::fin,
     Cause::client_head_truncated, At::here},
    {kReset, bit(Phase::head), 0, 0, EndedBy::peer, How::rst, Cause::client_head_truncated,
     At::here},

    // Before the request's framed end, whatever we were doing, unless a closing response had
    // started.
    {bit(EndKind::fin), kServing, kBodyOpen, kCloseStarted, EndedBy::peer, How::fin,
     Cause::client_body_truncated, At::here},
    {kReset, kServing, kBodyOpen, kCloseStarted, EndedBy::peer, How::rst,
     Cause::client_body_truncated, At::here},

    // The FIN came first and the reset proves what it meant.
    {kReset, bit(Phase::queue), kFinHandling | kUnacked, 0, EndedBy::peer, How::fin,
     Cause::client_left_queued, At::here},
    {kReset, bit(Phase::queue), kFinHandling | kUnsent, 0, EndedBy::peer, How::fin,
     Cause::client_left_queued, At::here},
    {kReset, kServing, kFinHandling | kUnacked, 0, EndedBy::peer, How::fin,
     Cause::client_left_waiting, At::handling},
    {kReset, kServing, kFinHandling | kUnsent, 0, EndedBy::peer, How::fin,
     Cause::client_left_waiting, At::handling},
    {kReset, bit(Phase::response), kFinReceiving, 0, EndedBy::peer, How::fin,
     Cause::client_left_receiving, At::here},

    // A closing answer went out before the body ended: its cause stands. One that is cut by this
    // has none yet.
    nothing(kReset, kServing, kBodyOpen | kCloseStarted, kCloseOk),

    // While we work for the client.
    {kReset, bit(Phase::queue), 0, 0, EndedBy::peer, How::rst, Cause::client_left_queued, At::here},
    {kReset, bit(Phase::body) | bit(Phase::handling), 0, 0, EndedBy::peer, How::rst,
     Cause::client_left_waiting, At::handling},
    {kReset, bit(Phase::response), 0, 0, EndedBy::peer, How::rst, Cause::client_left_receiving,
     At::here},
    {kReset, bit(Phase::flush), 0, 0, EndedBy::peer, How::rst, Cause::client_left_flush, At::here},

    // Between requests.
    {kReset, bit(Phase::idle), kUnacked, 0, EndedBy::peer, How::rst, Cause::client_left_flush,
     At::here},
    {kReset, bit(Phase::idle), 0, 0, EndedBy::peer, How::rst, Cause::client_reset_idle, At::here},
    {bit(EndKind::fin), bit(Phase::idle), 0, 0, EndedBy::peer, How::fin, Cause::ok_peer_closed_idle,
     At::here},

    {kReset, bit(Phase::tunnel), 0, 0, EndedBy::peer, How::rst, Cause::client_left_tunnel,
     At::here},

    // A FIN while we serve may be a half-close: it decides nothing yet.
    nothing(bit(EndKind::fin), kServing | bit(Phase::tunnel), 0, 0),
    {kOver, kAny, 0, 0, EndedBy::network, How::rst, Cause::unknown, At::here},

    // Behind our FIN: a request that lost the race against it, or what we agreed to discard.
    {bit(Event::late_bytes()), bit(Phase::idle), kIdleFin, 0, EndedBy::local, How::timeout,
     Cause::timeout_idle_raced, At::here},
    nothing(bit(Event::late_bytes()), kAny, 0, 0),

    // A timer of ours: neither an answer to the 503 that asked the client whether it is there, nor
    // its reset came; nothing is acknowledged any more, so that the peer and not its slowness is
    // the cause; or that timer's wait.
    {bit(TimerKind::flush), kAny, kCancelled, 0, EndedBy::peer, How::fin,
     Cause::client_left_unproved, At::handling},
    {~kEnd, kAny, kGone, 0, EndedBy::network, How::timeout, Cause::network_vanished, At::here},
    fires(TimerKind::first_byte, Cause::timeout_first_byte),
    fires(TimerKind::head, Cause::timeout_head),
    fires(TimerKind::min_rate, Cause::timeout_min_rate),
    fires(TimerKind::body_idle, Cause::timeout_body_idle),
    fires(TimerKind::body_total, Cause::timeout_body_total),
    fires(TimerKind::handler, Cause::timeout_handler),
    fires(TimerKind::handler_stall, Cause::timeout_handler_stall),
    fires(TimerKind::response_stall, Cause::timeout_response_stall),
    fires(TimerKind::response_total, Cause::timeout_response_total),
    fires(TimerKind::flush, Cause::timeout_flush),
    fires(TimerKind::idle, Cause::timeout_idle),
    fires(TimerKind::lifetime, Cause::timeout_lifetime),
    fires(TimerKind::drain, Cause::timeout_drain),
});

struct Standing {
  Cause cause;
  Facts facts;
};

/// Endings of ours that hold only when everything arrived; those of the ok family are such too.
constexpr auto kStanding = std::to_array<Standing>({
    {Cause::timeout_idle, kIfDelivered | kIdleFin},
    {Cause::timeout_lifetime, kIfDelivered | kIdleFin},
    {Cause::policy_idle_evicted, kIfDelivered | kIdleFin},
    {Cause::operator_shutdown, kIfDelivered},
    {Cause::operator_reload_retired, kIfDelivered},
    {Cause::policy_request_limit, kIfDelivered},
    {Cause::policy_half_close_cancelled, kIfDelivered | kCancelled},
});

}  // namespace

void apply(const Verdict& verdict, record::Ending& ending) {
  ending.ended_by = verdict.ended_by;
  ending.how = verdict.how;
  ending.phase = verdict.phase;
  ending.cause = verdict.cause;
  ending.severity = verdict.severity.value_or(record::info(verdict.cause).severity);
}

std::optional<Verdict> judge(Event event, Phase phase, Facts facts) {
  for (const Rule& rule : kRules) {
    if ((rule.events & bit(event)) == 0 || (rule.phases & bit(phase)) == 0) continue;
    if ((facts & rule.need) != rule.need || (facts & rule.forbid) != 0) continue;
    if (rule.at == At::nothing) return std::nullopt;
    const Phase at = rule.at == At::handling ? Phase::handling : phase;
    return Verdict{rule.ended_by, rule.how, at, rule.cause};
  }
  return std::nullopt;
}

Verdict reply_for(Cause cause, Phase phase) {
  const record::CauseInfo& row = record::info(cause);
  // Also where no place was waited for, because none could come.
  if (row.server_phases == record::PhaseSet{Phase::queue}) phase = Phase::queue;
  const bool wait = row.family == record::CauseFamily::timeout;
  Verdict verdict{EndedBy::local, wait ? How::timeout : How::reply, phase, cause};
  // A notice where another try is made: here the request failed.
  if (cause == Cause::upstream_stale_reuse) verdict.severity = record::Severity::fault;
  return verdict;
}

Verdict judge(TimerKind timer, Phase phase, Facts facts) {
  return judge(Event(timer), phase, facts)
      .value_or(Verdict{EndedBy::local, How::timeout, phase, Cause::bug_invariant});
}

Facts standing(Cause cause) {
  for (const Standing& row : kStanding)
    if (row.cause == cause) return row.facts;
  return record::info(cause).family == record::CauseFamily::ok ? Facts{kIfDelivered} : Facts{0};
}

Verdict judge_cut(Cause cause, Phase phase) {
  const bool late = record::info(cause).family == record::CauseFamily::timeout;
  return {EndedBy::local, late ? How::timeout : How::rst, phase, cause};
}

Verdict judge_shed(int error) {
  const bool descriptors = error == EMFILE || error == ENFILE;
  return {EndedBy::local, How::fin, Phase::accept,
          descriptors ? Cause::resource_descriptors : Cause::resource_memory};
}

const char* resource_of(Cause cause) {
  return cause == Cause::resource_descriptors ? "descriptors"
         : cause == Cause::resource_memory    ? "memory"
         : cause == Cause::resource_disk      ? "disk"
                                              : nullptr;
}

}  // namespace finack::server
