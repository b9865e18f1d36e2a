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
constexpr std::uint32_t bit(EndKind end) { return 1U << static_cast<unsigned>(end); }
constexpr std::uint32_t kAny = ~0U;
constexpr std::uint32_t kReset = bit(EndKind::rst) | bit(EndKind::error);
constexpr std::uint32_t kOver = ~(bit(EndKind::fin) | bit(EndKind::none));
constexpr std::uint32_t kServing = bit(Phase::body) | bit(Phase::queue) | bit(Phase::handling) |
                                   bit(Phase::response) | bit(Phase::flush);

enum class At : std::uint8_t { here, handling, nothing };

/// One rule: when `ends` and `phases` match, all bits of `need` and none of `forbid` are set. The
/// first that matches wins. `at` says in which phase the deciding event happened.
struct Rule {
  std::uint32_t ends;
  std::uint32_t phases;
  Facts need;
  Facts forbid;
  EndedBy ended_by;
  How how;
  Cause cause;
  At at;
};

constexpr Rule nothing(std::uint32_t ends, std::uint32_t phases, Facts need, Facts forbid) {
  return {ends, phases, need, forbid, EndedBy::local, How::none, Cause::unknown, At::nothing};
}

constexpr auto kRules = std::to_array<Rule>({
    // Whoever decided first stays; what follows is evidence.
    nothing(kAny, kAny, kDecided, 0),
    // ok.* holds only when nothing worse comes before the last acknowledgement.
    nothing(kAny, kAny, kDecidedOk, kUnacked | kUnsent),

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
});

struct TimerRule {
  TimerKind timer;
  Cause cause;
};

constexpr auto kTimers = std::to_array<TimerRule>({
    {TimerKind::first_byte, Cause::timeout_first_byte},
    {TimerKind::head, Cause::timeout_head},
    {TimerKind::min_rate, Cause::timeout_min_rate},
    {TimerKind::body_idle, Cause::timeout_body_idle},
    {TimerKind::body_total, Cause::timeout_body_total},
    {TimerKind::handler, Cause::timeout_handler},
    {TimerKind::handler_stall, Cause::timeout_handler_stall},
    {TimerKind::response_stall, Cause::timeout_response_stall},
    {TimerKind::response_total, Cause::timeout_response_total},
    {TimerKind::flush, Cause::timeout_flush},
    {TimerKind::idle, Cause::timeout_idle},
    {TimerKind::lifetime, Cause::timeout_lifetime},
    {TimerKind::drain, Cause::timeout_drain},
});

}  // namespace

void apply(const Verdict& verdict, record::Ending& ending) {
  ending.ended_by = verdict.ended_by;
  ending.how = verdict.how;
  ending.phase = verdict.phase;
  ending.cause = verdict.cause;
  ending.severity = verdict.severity.value_or(record::info(verdict.cause).severity);
}

std::optional<Verdict> judge(EndKind end, Phase phase, Facts facts) {
  for (const Rule& rule : kRules) {
    if ((rule.ends & bit(end)) == 0 || (rule.phases & bit(phase)) == 0) continue;
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

Verdict judge(TimerKind timer, Phase phase, bool gone) {
  if (gone) return {EndedBy::network, How::timeout, phase, Cause::network_vanished};
  for (const TimerRule& rule : kTimers)
    if (rule.timer == timer) return {EndedBy::local, How::timeout, phase, rule.cause};
  return {EndedBy::local, How::timeout, phase, Cause::bug_invariant};
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
