#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace finack::record {

/// The timers of both roles; each is one setting `timeout-<name>` (linger: `linger`) and counts its
/// fires. From `resolve` on they belong to dialed connections and what waits for them.
enum class TimerKind : std::uint8_t {
  first_byte,
  head,
  min_rate,
  body_idle,
  body_total,
  handler,
  handler_stall,
  response_stall,
  response_total,
  flush,
  idle,
  lifetime,
  drain,
  linger,
  resolve,
  connect,
  tls,
  send,
  first_response_byte,
  response_idle,
  per_try,  ///< "try"
  request_total,
  queue,
  tunnel_idle
};
inline constexpr std::size_t kTimerKindCount = 24;

std::string_view name(TimerKind timer);
std::optional<TimerKind> parse_timer_kind(std::string_view word);

}  // namespace finack::record
