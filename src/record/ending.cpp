#include "finack/record/ending.h"

#include <array>
#include <cstddef>

#include "finack/record/timer_kind.h"

namespace finack::record {
namespace {

template <std::size_t N, class E>
std::string_view pick(const std::array<std::string_view, N>& words, E value) {
  return words[static_cast<std::size_t>(value)];
}

constexpr std::array<std::string_view, 2> kRoles = {"server", "client"};
constexpr std::array<std::string_view, 3> kPurposes = {"traffic", "admin", "health"};
constexpr std::array<std::string_view, 3> kEndedBy = {"peer", "local", "network"};
constexpr std::array<std::string_view, 13> kHow = {
    "fin",    "rst",          "timeout",  "alert", "truncated",   "unreachable", "refused",
    "goaway", "stream_reset", "ws_close", "reply", "handed_over", "none"};
constexpr std::array<std::string_view, 5> kDelivered = {"all", "handed", "partial", "none",
                                                        "nothing_owed"};
constexpr std::array<std::string_view, 2> kCertainty = {"proved", "inferred"};
constexpr std::array<std::string_view, 4> kLinger = {"none", "fin", "rst", "expired"};
constexpr std::array<std::string_view, 7> kFoundBy = {
    "none", "user_timeout", "retransmit", "keep_alive", "heartbeat", "response_stall", "flush"};
constexpr std::array<std::string_view, kTimerKindCount> kTimers = {"first_byte",
                                                                   "head",
                                                                   "min_rate",
                                                                   "body_idle",
                                                                   "body_total",
                                                                   "handler",
                                                                   "handler_stall",
                                                                   "response_stall",
                                                                   "response_total",
                                                                   "flush",
                                                                   "idle",
                                                                   "lifetime",
                                                                   "drain",
                                                                   "linger",
                                                                   "resolve",
                                                                   "connect",
                                                                   "tls",
                                                                   "send",
                                                                   "first_response_byte",
                                                                   "response_idle",
                                                                   "try",
                                                                   "request_total",
                                                                   "queue",
                                                                   "tunnel_idle"};

}  // namespace

std::string_view name(Role v) { return pick(kRoles, v); }
std::string_view name(Purpose v) { return pick(kPurposes, v); }
std::string_view name(EndedBy v) { return pick(kEndedBy, v); }
std::string_view name(How v) { return pick(kHow, v); }
std::string_view name(Delivered v) { return pick(kDelivered, v); }
std::string_view name(Certainty v) { return pick(kCertainty, v); }
std::string_view name(Linger v) { return pick(kLinger, v); }
std::string_view name(FoundBy v) { return pick(kFoundBy, v); }
std::string_view name(TimerKind v) { return pick(kTimers, v); }

std::optional<TimerKind> parse_timer_kind(std::string_view word) {
  for (std::size_t i = 0; i < kTimers.size(); ++i) {
    if (kTimers[i] == word) return static_cast<TimerKind>(i);
  }
  return std::nullopt;
}

}  // namespace finack::record
