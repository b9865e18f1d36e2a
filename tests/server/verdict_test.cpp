#include "server/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "net/tcp_stream.h"

namespace finack::server {
namespace {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

struct Case {
  const char* what;  ///< The row of docs/endings.md, as an act.
  EndKind end;
  Phase phase;
  Facts facts;
  std::optional<Verdict> wanted;  ///< nullopt: it decides nothing.
};

constexpr Verdict peer(How how, Phase phase, Cause cause) {
  return {EndedBy::peer, how, phase, cause};
}

std::string text(const std::optional<Verdict>& verdict) {
  if (!verdict) return "nothing";
  return std::string(record::name(verdict->ended_by)) + " " +
         std::string(record::name(verdict->how)) + " " + std::string(record::name(verdict->phase)) +
         " " + std::string(record::name(verdict->cause));
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases)
    EXPECT_EQ(text(judge(c.end, c.phase, c.facts)), text(c.wanted)) << c.what;
}

// The rows of "which cause wins" that a stream's end decides.

TEST(Verdict, before_a_request) {
  check({
      {"closed without one byte", EndKind::fin, Phase::fresh, 0,
       peer(How::fin, Phase::fresh, Cause::client_silent)},
      {"accept succeeded, the first read says ECONNRESET", EndKind::rst, Phase::fresh, 0,
       peer(How::rst, Phase::fresh, Cause::client_silent)},
      {"part of a head, then FIN", EndKind::fin, Phase::head, 0,
       peer(How::fin, Phase::head, Cause::client_head_truncated)},
      {"part of a head, then RST", EndKind::rst, Phase::head, 0,
       peer(How::rst, Phase::head, Cause::client_head_truncated)},
      {"part of a second head behind an answer that is not acknowledged", EndKind::rst, Phase::head,
       kUnacked, peer(How::rst, Phase::head, Cause::client_head_truncated)},
  });
}

TEST(Verdict, before_the_framed_end_whatever_we_were_doing) {
  for (const Phase phase : {Phase::body, Phase::queue, Phase::handling, Phase::response}) {
    check({
        {"FIN before the framed end", EndKind::fin, phase, kBodyOpen,
         peer(How::fin, phase, Cause::client_body_truncated)},
        {"RST before the framed end", EndKind::rst, phase, kBodyOpen,
         peer(How::rst, phase, Cause::client_body_truncated)},
        {"RST before the framed end, response bytes unsent", EndKind::rst, phase,
         kBodyOpen | kUnsent | kUnacked, peer(How::rst, phase, Cause::client_body_truncated)},
        {"FIN after a closing response has started: that response's cause", EndKind::fin, phase,
         kBodyOpen | kCloseStarted, std::nullopt},
        {"RST after a closing answer of ours: its cause", EndKind::rst, phase,
         kBodyOpen | kCloseStarted | kUnacked, std::nullopt},
    });
  }
}

TEST(Verdict, a_reset_cuts_a_closing_response_whatever_is_missing_of_the_body) {
  constexpr Facts kCut = kBodyOpen | kCloseStarted | kCloseOk | kUnsent | kUnacked;
  check({{"streaming", EndKind::rst, Phase::response, kCut,
          peer(How::rst, Phase::response, Cause::client_left_receiving)},
         {"all is with the kernel", EndKind::rst, Phase::flush, kCut & ~Facts{kUnsent},
          peer(How::rst, Phase::flush, Cause::client_left_flush)},
         {"a FIN still decides nothing", EndKind::fin, Phase::response, kCut, std::nullopt}});
}

TEST(Verdict, a_fin_while_we_serve_decides_nothing_yet) {
  for (const Phase phase :
       {Phase::body, Phase::queue, Phase::handling, Phase::response, Phase::flush})
    check({{"half-closed or gone?", EndKind::fin, phase, 0, std::nullopt}});
}

TEST(Verdict, a_reset_after_the_fin_proves_what_it_meant) {
  check({
      {"FIN while handling, the answer is written, RST", EndKind::rst, Phase::flush,
       kFinHandling | kUnacked, peer(How::fin, Phase::handling, Cause::client_left_waiting)},
      {"FIN while handling, the answer is half sent, RST", EndKind::rst, Phase::response,
       kFinHandling | kUnsent, peer(How::fin, Phase::handling, Cause::client_left_waiting)},
      {"FIN while handling, our probe meets a RST", EndKind::rst, Phase::handling,
       kFinHandling | kUnacked, peer(How::fin, Phase::handling, Cause::client_left_waiting)},
      {"FIN while handling, 503 by setting, RST", EndKind::rst, Phase::flush,
       kFinHandling | kUnacked | kDecidedOk,
       peer(How::fin, Phase::handling, Cause::client_left_waiting)},
      {"FIN while handling, the answer is written and acknowledged, RST", EndKind::rst,
       Phase::flush, kFinHandling | kDecidedOk, std::nullopt},
      {"FIN after the first response byte, RST", EndKind::rst, Phase::response,
       kFinReceiving | kUnsent, peer(How::fin, Phase::response, Cause::client_left_receiving)},
  });
}

TEST(Verdict, a_reset_while_we_work) {
  check({
      {"a full request and a RST in one wake-up", EndKind::rst, Phase::handling, 0,
       peer(How::rst, Phase::handling, Cause::client_left_waiting)},
      {"while a slot is awaited", EndKind::rst, Phase::queue, 0,
       peer(How::rst, Phase::queue, Cause::client_left_queued)},
      {"while we send", EndKind::rst, Phase::response, kUnsent,
       peer(How::rst, Phase::response, Cause::client_left_receiving)},
      {"with the last bytes unacknowledged", EndKind::rst, Phase::flush, kUnacked | kDecidedOk,
       peer(How::rst, Phase::flush, Cause::client_left_flush)},
      {"after everything was acknowledged", EndKind::rst, Phase::flush, kDecidedOk, std::nullopt},
  });
}

TEST(Verdict, between_requests) {
  check({
      {"closed between requests", EndKind::fin, Phase::idle, 0,
       peer(How::fin, Phase::idle, Cause::ok_peer_closed_idle)},
      {"RST while idle, unacknowledged bytes left", EndKind::rst, Phase::idle, kUnacked,
       peer(How::rst, Phase::idle, Cause::client_left_flush)},
      {"RST while idle, all acknowledged", EndKind::rst, Phase::idle, 0,
       peer(How::rst, Phase::idle, Cause::client_reset_idle)},
  });
}

TEST(Verdict, whoever_decided_first_stays) {
  for (const EndKind end : {EndKind::fin, EndKind::rst, EndKind::timed_out, EndKind::killed}) {
    for (const Phase phase : {Phase::head, Phase::body, Phase::response, Phase::flush})
      check({{"413 on its way", end, phase, kDecided | kUnacked | kBodyOpen, std::nullopt}});
  }
}

TEST(Verdict, the_kernels_own_verdicts) {
  for (const Phase phase : {Phase::fresh, Phase::head, Phase::body, Phase::handling,
                            Phase::response, Phase::flush, Phase::idle}) {
    check({
        {"TCP keep-alive, user timeout or retransmissions", EndKind::timed_out, phase, 0,
         Verdict{EndedBy::network, How::timeout, phase, Cause::network_vanished}},
        {"retransmissions end in EHOSTUNREACH", EndKind::unreachable, phase, kUnacked,
         Verdict{EndedBy::network, How::unreachable, phase, Cause::network_unreachable}},
        {"destroyed by ss -K", EndKind::killed, phase, 0,
         Verdict{EndedBy::local, How::rst, phase, Cause::operator_killed}},
        {"nothing ended", EndKind::none, phase, 0, std::nullopt},
    });
  }
}

/// The kernel had no memory for us: that is not the peer's doing.
TEST(Verdict, want_of_memory_is_ours) {
  for (const int error : {ENOMEM, ENOBUFS, ENOSPC}) {
    const EndKind end = net::stream_end(error).kind;
    for (const Phase phase : {Phase::fresh, Phase::head, Phase::body, Phase::handling,
                              Phase::response, Phase::flush, Phase::idle}) {
      const Verdict ours{EndedBy::local, How::rst, phase, Cause::resource_memory};
      check({
          {"a read or a write failed", end, phase, 0, ours},
          {"before the framed end", end, phase, kBodyOpen, ours},
          {"behind a FIN, bytes unacknowledged", end, phase, kFinHandling | kUnacked, ours},
          {"413 on its way", end, phase, kDecided | kUnacked, std::nullopt},
          {"all was acknowledged", end, phase, kDecidedOk, std::nullopt},
      });
    }
  }
}

TEST(Verdict, who_was_shed_is_told_by_what_ran_out) {
  for (const int error : {EMFILE, ENFILE}) {
    const Verdict verdict = judge_shed(error);
    EXPECT_EQ(text(verdict), "local fin accept resource.descriptors");
    EXPECT_STREQ(resource_of(verdict.cause), "descriptors");
  }
  for (const int error : {ENOMEM, ENOBUFS}) {
    const Verdict verdict = judge_shed(error);
    EXPECT_EQ(text(verdict), "local fin accept resource.memory");
    EXPECT_STREQ(resource_of(verdict.cause), "memory");
  }
}

/// unknown is a bug: no end in any phase the server can be in may come to it.
TEST(Verdict, every_end_in_every_phase_has_a_cause_that_may_stand_there) {
  const Phase phases[] = {Phase::fresh,    Phase::head,     Phase::body,  Phase::queue,
                          Phase::handling, Phase::response, Phase::flush, Phase::idle};
  const EndKind ends[] = {EndKind::fin,         EndKind::rst,    EndKind::timed_out,
                          EndKind::unreachable, EndKind::killed, EndKind::no_memory,
                          EndKind::error};
  for (const Phase phase : phases) {
    for (const EndKind end : ends) {
      for (Facts facts = 0; facts < kCloseOk << 1U; ++facts) {
        const bool serving = phase != Phase::fresh && phase != Phase::head && phase != Phase::idle;
        if (!serving && (facts & (kBodyOpen | kDecided)) != 0) continue;
        // Our FIN only goes out behind a whole request or a response that says so.
        if (phase == Phase::flush && (facts & (kBodyOpen | kCloseStarted)) == kBodyOpen) continue;
        const auto verdict = judge(end, phase, facts);
        if (!verdict) continue;
        const record::CauseInfo& info = record::info(verdict->cause);
        ASSERT_TRUE(verdict->cause != Cause::unknown && info.server && info.ends_connection &&
                    info.server_phases.contains(verdict->phase))
            << text(verdict) << " for facts " << facts << " in " << record::name(phase);
        ASSERT_NE(info.how.find(record::name(verdict->how)), std::string_view::npos)
            << text(verdict);
      }
    }
  }
}

/// A quiet ending holds only when everything arrived; who decided against the other side keeps it.
TEST(Verdict, which_endings_lost_bytes_override) {
  std::vector<Cause> quiet = {Cause::timeout_idle,
                              Cause::timeout_lifetime,
                              Cause::operator_shutdown,
                              Cause::operator_reload_retired,
                              Cause::policy_request_limit,
                              Cause::policy_idle_evicted,
                              Cause::policy_half_close_cancelled};
  for (const Cause cause :
       {Cause::ok_completed, Cause::ok_peer_closed_idle, Cause::ok_pool_peer_closed,
        Cause::ok_pool_retired, Cause::ok_half_close_served, Cause::ok_tunnel_done,
        Cause::ok_ws_closed, Cause::ok_h2_goaway, Cause::ok_hijacked})
    quiet.push_back(cause);
  for (const record::CauseInfo& info : record::all_causes())
    EXPECT_EQ(overridable(info.cause), std::ranges::find(quiet, info.cause) != quiet.end())
        << info.name;
}

// Timers.

TEST(Verdict, a_timer_is_its_cause) {
  struct Row {
    TimerKind timer;
    Phase phase;
    Cause cause;
  };
  for (const Row& row : {
           Row{TimerKind::first_byte, Phase::fresh, Cause::timeout_first_byte},
           Row{TimerKind::head, Phase::head, Cause::timeout_head},
           Row{TimerKind::min_rate, Phase::body, Cause::timeout_min_rate},
           Row{TimerKind::body_idle, Phase::body, Cause::timeout_body_idle},
           Row{TimerKind::body_total, Phase::body, Cause::timeout_body_total},
           Row{TimerKind::handler, Phase::handling, Cause::timeout_handler},
           Row{TimerKind::handler_stall, Phase::response, Cause::timeout_handler_stall},
           Row{TimerKind::response_stall, Phase::response, Cause::timeout_response_stall},
           Row{TimerKind::response_total, Phase::response, Cause::timeout_response_total},
           Row{TimerKind::flush, Phase::flush, Cause::timeout_flush},
           Row{TimerKind::idle, Phase::idle, Cause::timeout_idle},
           Row{TimerKind::lifetime, Phase::idle, Cause::timeout_lifetime},
           Row{TimerKind::drain, Phase::handling, Cause::timeout_drain},
       }) {
    EXPECT_EQ(text(judge(row.timer, row.phase, 0)),
              text(Verdict{EndedBy::local, How::timeout, row.phase, row.cause}));
    EXPECT_TRUE(record::info(row.cause).server_phases.contains(row.phase))
        << record::name(row.cause);
  }
}

TEST(Verdict, a_timer_that_finds_nothing_acknowledged_found_the_peer_gone) {
  for (const TimerKind timer : {TimerKind::response_stall, TimerKind::response_total,
                                TimerKind::flush, TimerKind::idle, TimerKind::lifetime})
    EXPECT_EQ(
        text(judge(timer, Phase::response, kGone)),
        text(Verdict{EndedBy::network, How::timeout, Phase::response, Cause::network_vanished}));
}

TEST(Verdict, a_timer_that_no_accepted_connection_has_is_a_bug) {
  for (const TimerKind timer : {TimerKind::connect, TimerKind::tunnel_idle})
    EXPECT_EQ(judge(timer, Phase::handling, 0).cause, Cause::bug_invariant);
}

// What comes behind our FIN.

/// FIN while handling; by setting we cancel and answer 503: nothing proves what it meant.
TEST(Verdict, neither_an_acknowledgement_nor_a_reset_of_the_503_comes_before_the_flush_limit) {
  const Facts cancelled = standing(Cause::policy_half_close_cancelled);
  const std::string unproved = "peer fin handling client.left_unproved";
  EXPECT_EQ(text(judge(TimerKind::flush, Phase::flush, cancelled)), unproved);
  EXPECT_EQ(text(judge(TimerKind::flush, Phase::flush, cancelled | kGone)), unproved);
  for (const record::CauseInfo& info : record::all_causes()) {
    if (info.cause == Cause::policy_half_close_cancelled) continue;
    EXPECT_EQ(text(judge(TimerKind::flush, Phase::flush, standing(info.cause))),
              "local timeout flush timeout.flush")
        << info.name;
  }
}

/// Request bytes meet our idle FIN; bytes behind any other close are agreed to be discarded.
TEST(Verdict, request_bytes_behind_our_idle_fin_lost_a_race) {
  const std::vector<Cause> idle = {Cause::timeout_idle, Cause::timeout_lifetime,
                                   Cause::policy_idle_evicted};
  for (const record::CauseInfo& info : record::all_causes()) {
    const Facts facts = standing(info.cause);
    const bool raced = std::ranges::find(idle, info.cause) != idle.end();
    EXPECT_EQ(text(judge(Event::late_bytes(), Phase::idle, facts)),
              raced ? "local timeout idle timeout.idle_raced" : "nothing")
        << info.name;
    // A budget of the connection may also end behind a response, which says so.
    EXPECT_EQ(text(judge(Event::late_bytes(), Phase::flush, facts)), "nothing") << info.name;
  }
}

TEST(Verdict, a_cut_says_whether_it_was_a_budget) {
  EXPECT_EQ(text(judge_cut(Cause::timeout_drain, Phase::handling)),
            "local timeout handling timeout.drain");
  EXPECT_EQ(text(judge_cut(Cause::operator_shutdown_forced, Phase::flush)),
            "local rst flush operator.shutdown_forced");
  EXPECT_EQ(text(judge_cut(Cause::operator_killed, Phase::idle)), "local rst idle operator.killed");
}

}  // namespace
}  // namespace finack::server
