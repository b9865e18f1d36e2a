#pragma once
#include <cstdint>
#include <optional>

#include "finack/base/byte_stream.h"
#include "finack/record/counters.h"
#include "finack/record/ending.h"
#include "finack/record/timer_kind.h"

namespace finack::server {

/// What is known of a connection and its request when something ends. Bits of a Facts word.
enum Fact : std::uint32_t {
  kBodyOpen = 1U << 0,      ///< The request's framed end has not been received.
  kCloseStarted = 1U << 1,  ///< A final response with Connection: close has started.
  kFinHandling = 1U << 2,   ///< The client's FIN was seen before the first response byte.
  kFinReceiving = 1U << 3,  ///< The client's FIN was seen after it.
  kUnsent = 1U << 4,        ///< Response bytes are still with us.
  kUnacked = 1U << 5,       ///< The kernel holds bytes that the client has not acknowledged.
  kDecided = 1U << 6,       ///< A cause other than ok.* has been decided already.
  kDecidedOk = 1U << 7,     ///< An ok.* ending is pending on the last acknowledgement.
  kCloseOk = 1U << 8,       ///< The closing response's cause holds only when all of it arrives.
  kGone = 1U << 9,          ///< The kernel shows that nothing is acknowledged any more.
  // Of the cause that was decided; see standing().
  kIfDelivered = 1U << 10,  ///< It holds only when everything arrives.
  kIdleFin = 1U << 11,      ///< A connection that was idle is closed for it, its client unaware.
  kCancelled = 1U << 12,    ///< By setting, a FIN cancelled the request.
};
using Facts = std::uint32_t;

/// What happens to a connection that may decide how it ends: the peer's end of the stream, a timer
/// of ours, or bytes of the peer's behind our FIN.
class Event {
 public:
  constexpr Event(EndKind end) : bit_(static_cast<unsigned>(end)) {}
  constexpr Event(record::TimerKind timer) : bit_(kTimers + static_cast<unsigned>(timer)) {}
  static constexpr Event late_bytes() { return Event(kLateBytes); }
  constexpr std::uint64_t mask() const { return std::uint64_t{1} << bit_; }

 private:
  static constexpr unsigned kTimers = 16;
  static constexpr unsigned kLateBytes = kTimers + record::kTimerKindCount;
  static_assert(kLateBytes < 64);
  constexpr explicit Event(unsigned bit) : bit_(bit) {}
  unsigned bit_;
};

/// Who ends it, how, in which phase, and for which cause.
struct Verdict {
  record::EndedBy ended_by;
  record::How how;
  record::Phase phase;
  record::Cause cause;
  std::optional<record::Severity> severity = {};  ///< Where it is not the cause's own.
};

/// Writes the verdict into `ending`, with the severity that belongs to its cause; the rest stays.
void apply(const Verdict& verdict, record::Ending& ending);

/// The precedence rules of docs/endings.md ("which cause wins"). nullopt: it decides nothing (a
/// half-close to look into, an agreed close, or evidence for an earlier verdict).
std::optional<Verdict> judge(Event event, record::Phase phase, Facts facts);

/// The same of a timer that fired, which always decides something.
Verdict judge(record::TimerKind timer, record::Phase phase, Facts facts);

/// What the rules must know of a cause that was decided, while it is carried out.
Facts standing(record::Cause cause);

/// May something that happens before the last acknowledgement still replace this cause?
inline bool overridable(record::Cause cause) { return (standing(cause) & kIfDelivered) != 0; }

/// The verdict when we cut a connection in `phase` for `cause`, whatever it does.
Verdict judge_cut(record::Cause cause, record::Phase phase);

/// The verdict on a request that we answer with an error of our own for `cause`, while its
/// connection is in `phase`.
Verdict reply_for(record::Cause cause, record::Phase phase);

/// The verdict on a connection that was shed because accept() failed with `error` (EMFILE, ENFILE,
/// ENOBUFS, ENOMEM).
Verdict judge_shed(int error);

/// What ran out, in the word of a record's evidence; nullptr where the cause is no such thing.
const char* resource_of(record::Cause cause);

}  // namespace finack::server
