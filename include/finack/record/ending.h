#pragma once
#include <cstdint>
#include <string_view>

#include "finack/record/cause.h"

namespace finack::record {

// The closed lists of docs/endings.md. Every enumerator is spelled as it prints; name() gives the
// word. cause.h holds Cause and the table beside it.

enum class Role : std::uint8_t { server, client };
/// What a connection is for; everything but traffic stays out of traffic metrics.
enum class Purpose : std::uint8_t { traffic, admin, health };
enum class EndedBy : std::uint8_t { peer, local, network };
enum class How : std::uint8_t {
  fin,
  rst,
  timeout,
  alert,
  truncated,
  unreachable,
  refused,
  goaway,
  stream_reset,
  ws_close,
  reply,
  handed_over,
  none
};
enum class Delivered : std::uint8_t { all, handed, partial, none, nothing_owed };
enum class Certainty : std::uint8_t { proved, inferred };
enum class Linger : std::uint8_t { none, fin, rst, expired };
enum class FoundBy : std::uint8_t {
  none,
  user_timeout,
  retransmit,
  keep_alive,
  heartbeat,
  response_stall,
  flush
};

std::string_view name(Role);
std::string_view name(Purpose);
std::string_view name(EndedBy);
std::string_view name(How);
std::string_view name(Delivered);
std::string_view name(Certainty);
std::string_view name(Linger);
std::string_view name(FoundBy);

inline constexpr std::uint64_t kUnknownCount = ~std::uint64_t{0};

/// What proves an ending. Fixed size, no ownership: `reason`, `setting`, `setting_of` and
/// `resource` point to strings that live as long as the process. Fields at their default are left
/// out of the JSON.
struct Evidence {
  Certainty certainty = Certainty::proved;
  Linger linger = Linger::none;
  FoundBy found_by = FoundBy::none;
  bool exception = false;         ///< The handler threw after the ending was decided.
  std::int32_t error = 0;         ///< errno.
  const char* reason = nullptr;   ///< Parser's or encoder's reason, e.g. "content_length_repeated".
  const char* setting = nullptr;  ///< The timer or limit that decided, e.g. "timeout-head".
  /// Put before `setting` where that is one of a file: "listeners[0].", "clusters.api.".
  const char* setting_of = nullptr;
  const char* resource = nullptr;                ///< What ran out: "descriptors", "slots", …
  std::uint64_t setting_value = kUnknownCount;   ///< Its value: nanoseconds, or a count, or bytes.
  std::uint64_t expected_bytes = kUnknownCount;  ///< Framed length.
  std::uint64_t received_bytes = kUnknownCount;  ///< Bytes of it that came.
  std::uint64_t idle_us = kUnknownCount;  ///< Time since the last response, for idle endings.
  std::uint64_t after_response_us = kUnknownCount;
  std::uint64_t handler_after_left_us = kUnknownCount;
  std::uint32_t request = 0;  ///< Request number on the connection, from 1; 0: none.
  std::uint32_t first_unacknowledged_request = 0;
};

/// How a connection or a request ended. Exactly one each.
struct Ending {
  EndedBy ended_by = EndedBy::local;
  How how = How::none;
  Phase phase = Phase::accept;
  Cause cause = Cause::unknown;
  Severity severity = Severity::bug;  ///< Usually the cause's own; a few rows of the list differ.
  Delivered delivered = Delivered::nothing_owed;
  std::uint64_t undelivered_bytes = 0;
  Evidence evidence;
};

}  // namespace finack::record
