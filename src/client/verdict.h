#pragma once
#include <cstdint>
#include <optional>

#include "finack/base/byte_stream.h"
#include "finack/record/ending.h"
#include "finack/record/timer_kind.h"
#include "net/dial.h"

namespace finack::client {

/// What is known of a dialed connection and its request when its stream ends. Bits of a Facts word.
enum Fact : std::uint32_t {
  kReused = 1U << 0,   ///< It served a request before, or stood ready in the pool.
  kUnread = 1U << 1,   ///< Nothing of the request was acknowledged by the server's kernel.
  kSoon = 1U << 2,     ///< Within max(2 round trips, 50 ms) of the request's first byte.
  kInterim = 1U << 3,  ///< A 1xx response came: the server has read the request.
  kDecided = 1U << 4,  ///< A cause has been decided already.
  kDone = 1U << 5,     ///< The last response is done; only the close was awaited.
};
using Facts = std::uint32_t;

/// Who ends it, how, in which phase, for which cause, and how sure that is.
struct Verdict {
  record::EndedBy ended_by;
  record::How how;
  record::Phase phase;
  record::Cause cause;
  record::Certainty certainty = record::Certainty::proved;
};

/// The precedence rules of docs/endings.md for the end of a dialed connection's stream, once all
/// bytes that came before it were parsed. nullopt: it decides nothing (a decided one, a half-close
/// in a tunnel).
std::optional<Verdict> judge(EndKind end, record::Phase phase, Facts facts);

/// The verdict on a dial that failed; `code`: the kernel's errno, 0 where our own timer fired.
Verdict judge(net::DialError error, int code);

/// The verdict of a timer that fired; `gone` when the kernel shows that nothing is acknowledged any
/// more, so that the path and not the server's slowness is the cause.
Verdict judge(record::TimerKind timer, record::Phase phase, bool gone);

/// How we end what is in `phase` for `cause`. In a tunnel a FIN would say that all is said.
record::How way_out(record::Phase phase, record::Cause cause);

/// The ending that a verdict means, with the severity of its cause.
record::Ending ending_of(const Verdict& verdict, record::Delivered delivered,
                         const record::Evidence& evidence = {});
/// The ending of a request whose connection, or whose wait for one, ended thus: some causes are a
/// connection's alone, and mean for its request that the server was taken away.
record::Ending as_request(record::Ending ending);

}  // namespace finack::client
