#include "client/verdict.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

namespace finack::client {
namespace {

using record::Cause;
using record::Certainty;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

struct Case {
  const char* what;
  EndKind end;
  Phase phase;
  Facts facts;
  std::optional<Verdict> wanted;  ///< nullopt: it decides nothing.
};

std::string text(const std::optional<Verdict>& verdict) {
  if (!verdict) return "nothing";
  return std::string(record::name(verdict->ended_by)) + " " +
         std::string(record::name(verdict->how)) + " " + std::string(record::name(verdict->phase)) +
         " " + std::string(record::name(verdict->cause)) + " " +
         std::string(record::name(verdict->certainty));
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases)
    EXPECT_EQ(text(judge(c.end, c.phase, c.facts)), text(c.wanted)) << c.what;
}

constexpr Verdict peer(How how, Phase phase, Cause cause, Certainty certainty = Certainty::proved) {
  return {EndedBy::peer, how, phase, cause, certainty};
}

TEST(Verdict, between_requests_nothing_is_lost) {
  check({
      {"FIN", EndKind::fin, Phase::pool, kReused,
       peer(How::fin, Phase::pool, Cause::ok_pool_peer_closed)},
      {"RST", EndKind::rst, Phase::pool, kReused,
       peer(How::rst, Phase::pool, Cause::ok_pool_peer_closed)},
      {"FIN without close_notify", EndKind::truncated, Phase::pool, 0,
       peer(How::truncated, Phase::pool, Cause::ok_pool_peer_closed)},
  });
}

TEST(Verdict, a_kept_connection_closed_under_our_request) {
  for (const Phase phase : {Phase::send, Phase::wait}) {
    check({
        {"FIN, nothing acknowledged", EndKind::fin, phase, kReused | kUnread,
         peer(How::fin, phase, Cause::upstream_stale_reuse)},
        {"RST, nothing acknowledged", EndKind::rst, phase, kReused | kUnread,
         peer(How::rst, phase, Cause::upstream_stale_reuse)},
        {"RST right after it was sent", EndKind::rst, phase, kReused | kSoon,
         peer(How::rst, phase, Cause::upstream_stale_reuse, Certainty::inferred)},
    });
  }
  check({
      {"acknowledged, worked on, then closed", EndKind::fin, Phase::wait, kReused,
       peer(How::fin, Phase::wait, Cause::upstream_closed_no_head)},
      {"soon, but a 100 had come", EndKind::fin, Phase::wait, kReused | kSoon | kInterim,
       peer(How::fin, Phase::wait, Cause::upstream_closed_no_head)},
      {"a fresh connection is never stale", EndKind::rst, Phase::wait, kUnread | kSoon,
       peer(How::rst, Phase::wait, Cause::upstream_closed_no_head)},
  });
}

TEST(Verdict, before_during_and_behind_the_head) {
  check({
      {"RST while we send", EndKind::rst, Phase::send, 0,
       peer(How::rst, Phase::send, Cause::upstream_write_refused)},
      {"FIN while we send", EndKind::fin, Phase::send, 0,
       peer(How::fin, Phase::send, Cause::upstream_closed_no_head)},
      {"FIN before a head", EndKind::fin, Phase::wait, 0,
       peer(How::fin, Phase::wait, Cause::upstream_closed_no_head)},
      {"RST before a head", EndKind::rst, Phase::wait, 0,
       peer(How::rst, Phase::wait, Cause::upstream_closed_no_head)},
      {"FIN in the head", EndKind::fin, Phase::head, 0,
       peer(How::fin, Phase::head, Cause::upstream_head_truncated)},
      {"RST in the body", EndKind::rst, Phase::body, 0,
       peer(How::rst, Phase::body, Cause::upstream_body_truncated)},
      {"no close_notify in the body", EndKind::truncated, Phase::body, 0,
       peer(How::truncated, Phase::body, Cause::upstream_body_truncated)},
      {"in the handshake", EndKind::fin, Phase::tls, 0,
       peer(How::fin, Phase::tls, Cause::upstream_tls_closed)},
      {"RST in a tunnel", EndKind::rst, Phase::tunnel, 0,
       peer(How::rst, Phase::tunnel, Cause::upstream_left_tunnel)},
      {"FIN in a tunnel is a half-close", EndKind::fin, Phase::tunnel, 0, std::nullopt},
  });
}

TEST(Verdict, tls_ends) {
  check({
      {"alert in the handshake", EndKind::alert, Phase::tls, 0,
       peer(How::alert, Phase::tls, Cause::upstream_tls_alert)},
      {"alert before the head", EndKind::alert, Phase::wait, kReused | kSoon,
       peer(How::alert, Phase::wait, Cause::upstream_tls_alert)},
      {"no TLS in the body", EndKind::error, Phase::body, 0,
       peer(How::rst, Phase::body, Cause::upstream_body_truncated)},
      {"alert in the pool", EndKind::alert, Phase::pool, kReused,
       peer(How::alert, Phase::pool, Cause::ok_pool_peer_closed)},
      {"alert in the body", EndKind::alert, Phase::body, 0,
       peer(How::alert, Phase::body, Cause::upstream_body_truncated)},
      {"no close_notify in a tunnel", EndKind::truncated, Phase::tunnel, 0,
       peer(How::truncated, Phase::tunnel, Cause::upstream_left_tunnel)},
  });
}

TEST(Verdict, what_the_kernel_says_comes_first_and_a_decision_stays) {
  for (const Phase phase : {Phase::tls, Phase::send, Phase::wait, Phase::body, Phase::pool}) {
    check({
        {"ss -K", EndKind::killed, phase, kReused,
         Verdict{EndedBy::local, How::rst, phase, Cause::operator_killed}},
        {"retransmissions gave up", EndKind::timed_out, phase, kReused | kUnread,
         Verdict{EndedBy::network, How::timeout, phase, Cause::network_vanished}},
        {"no route any more", EndKind::unreachable, phase, 0,
         Verdict{EndedBy::network, How::unreachable, phase, Cause::network_unreachable}},
        {"no memory", EndKind::no_memory, phase, 0,
         Verdict{EndedBy::local, How::rst, phase, Cause::resource_memory}},
        {"decided before", EndKind::rst, phase, kDecided, std::nullopt},
    });
  }
}

TEST(Verdict, timers) {
  struct TimerCase {
    TimerKind timer;
    Phase phase;
    Cause cause;
  };
  const std::vector<TimerCase> cases = {
      {TimerKind::resolve, Phase::resolve, Cause::timeout_resolve},
      {TimerKind::connect, Phase::connect, Cause::timeout_connect},
      {TimerKind::tls, Phase::tls, Cause::timeout_tls},
      {TimerKind::send, Phase::send, Cause::timeout_send},
      {TimerKind::first_response_byte, Phase::wait, Cause::timeout_first_response_byte},
      {TimerKind::response_idle, Phase::body, Cause::timeout_response_idle},
      {TimerKind::per_try, Phase::wait, Cause::timeout_try},
      {TimerKind::request_total, Phase::body, Cause::timeout_request_total},
      {TimerKind::tunnel_idle, Phase::tunnel, Cause::timeout_tunnel_idle},
  };
  for (const TimerCase& c : cases) {
    EXPECT_EQ(text(judge(c.timer, c.phase, false)),
              text(Verdict{EndedBy::local, How::timeout, c.phase, c.cause}));
    EXPECT_EQ(text(judge(c.timer, c.phase, true)),
              text(Verdict{EndedBy::network, How::timeout, c.phase, Cause::network_vanished}));
  }
}

TEST(Verdict, a_dial_that_took_too_long_for_us_or_for_the_kernel) {
  EXPECT_EQ(text(judge(net::DialError::timed_out, 0)),
            text(Verdict{EndedBy::local, How::timeout, Phase::connect, Cause::timeout_connect}));
  EXPECT_EQ(text(judge(net::DialError::timed_out, ETIMEDOUT)),
            text(Verdict{EndedBy::network, How::timeout, Phase::connect, Cause::network_vanished}));
}

TEST(Verdict, the_close_that_was_agreed_on) {
  const auto ended = [](EndKind end) { return text(*judge(end, Phase::body, kDone)); };
  const auto completed = [](How how) {
    return text(Verdict{EndedBy::peer, how, Phase::body, Cause::ok_completed});
  };
  EXPECT_EQ(ended(EndKind::fin), completed(How::fin));
  EXPECT_EQ(ended(EndKind::truncated), completed(How::truncated));
  EXPECT_EQ(ended(EndKind::rst), completed(How::rst));
  EXPECT_EQ(ended(EndKind::alert), completed(How::alert));
  EXPECT_EQ(ended(EndKind::killed),
            text(Verdict{EndedBy::local, How::rst, Phase::body, Cause::operator_killed}));
  EXPECT_EQ(ended(EndKind::timed_out),
            text(Verdict{EndedBy::network, How::timeout, Phase::body, Cause::network_vanished}));
}

TEST(Verdict, every_one_is_allowed_by_the_closed_list) {
  for (int end = 0; end <= static_cast<int>(EndKind::alert); ++end) {
    for (std::size_t p = 0; p < record::kPhaseCount; ++p) {
      for (Facts facts = 0; facts < 16; ++facts) {
        const auto phase = static_cast<Phase>(p);
        const auto verdict = judge(static_cast<EndKind>(end), phase, facts);
        if (!verdict || !record::client_phases().contains(phase)) continue;
        const auto& info = record::info(verdict->cause);
        EXPECT_TRUE(info.client && info.client_phases.contains(verdict->phase)) << text(verdict);
        EXPECT_NE(info.how.find(record::name(verdict->how)), std::string_view::npos)
            << text(verdict);
      }
    }
  }
}

}  // namespace
}  // namespace finack::client
