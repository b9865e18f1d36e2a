#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace finack::record {

/// The server's timers; each is one setting `timeout-<name>` (linger: `linger`) and counts its
/// fires.
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
  linger
};
inline constexpr std::size_t kTimerKindCount = 14;

std::string_view name(TimerKind timer);
std::optional<TimerKind> parse_timer_kind(std::string_view word);

}  // namespace finack::record
