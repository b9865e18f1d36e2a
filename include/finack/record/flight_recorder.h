#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "finack/base/byte_stream.h"
#include "finack/base/clock.h"
#include "finack/record/cause.h"
#include "finack/record/record.h"
#include "finack/record/timer_kind.h"

namespace finack::record {

/// The last 16 events of a connection in 72 bytes; part of its slot, one thread. Times are kept as
/// the time since the event before, to about 1 us or one in 500 000; byte counts are exact up to
/// 16 MiB and then to about one in ten million; bytes of one direction in a row are one event and
/// carry the time of the timed event before them.
class FlightRecorder {
 public:
  static constexpr std::size_t kEvents = 16;

  void note_phase(Phase phase, Instant now) {
    note_timed(Kind::phase, static_cast<std::uint32_t>(phase), now);
  }
  void note_bytes_in(std::uint64_t n) { note_bytes(Kind::bytes_in, n); }
  void note_bytes_out(std::uint64_t n) { note_bytes(Kind::bytes_out, n); }
  void note_timer(TimerKind timer, Instant now) {
    note_timed(Kind::timer, static_cast<std::uint32_t>(timer), now);
  }
  void note_end(EndKind end, Instant now) {
    note_timed(Kind::end, static_cast<std::uint32_t>(end), now);
  }
  /// As above, at the time of the event before.
  void note_timer(TimerKind timer) { note_timer(timer, last()); }
  void note_end(EndKind end) { note_end(end, last()); }

  /// Forgets everything: for a slot's next connection.
  void clear() { *this = FlightRecorder(); }

  /// The events, oldest first, as a view into `out`. `opened` is when the connection was opened.
  std::span<const FlightEvent> unpack(Instant opened, std::span<FlightEvent, kEvents> out) const;

 private:
  // An event: kind in 3 bits; then a timed one has its word in 5 bits, and its time in 5 bits of
  // shift and 19 of mantissa; a byte count has 5 bits of shift and 24 of mantissa. Kind 0: empty.
  enum class Kind : std::uint32_t { none, phase, bytes_in, bytes_out, timer, end };
  static constexpr std::uint32_t kKindShift = 29;
  static constexpr std::uint32_t kWordShift = 24;
  static constexpr std::uint32_t kTimeBits = 19;
  static constexpr std::uint32_t kByteBits = 24;
  static constexpr std::uint64_t kPositionMask = kEvents - 1;

  /// A float without a sign: `value` = mantissa << shift, rounded down, the shift above `bits`.
  static constexpr std::uint32_t pack(std::uint64_t value, std::uint32_t bits) {
    if (value >> bits == 0) return static_cast<std::uint32_t>(value);
    const auto shift = static_cast<std::uint32_t>(std::bit_width(value)) - bits;
    if (shift > 31) return (std::uint32_t{1} << (bits + 5)) - 1;
    return shift << bits | static_cast<std::uint32_t>(value >> shift);
  }
  static constexpr std::uint64_t unpack(std::uint32_t packed, std::uint32_t bits) {
    const std::uint32_t mantissa = packed & ((std::uint32_t{1} << bits) - 1);
    return std::uint64_t{mantissa} << (packed >> bits & 31U);
  }

  Instant last() const {
    return Instant(Nanos(static_cast<std::int64_t>(state_ & ~kPositionMask)));
  }

  void push(std::uint32_t event) {
    const std::uint64_t position = (state_ + 1) & kPositionMask;
    events_[position] = event;
    state_ = (state_ & ~kPositionMask) | position;
  }
  void note_timed(Kind kind, std::uint32_t word, Instant now) {
    const auto ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
    const std::uint64_t since = (ns - (state_ & ~kPositionMask)) >> 10;
    const std::uint64_t position = (state_ + 1) & kPositionMask;
    events_[position] = static_cast<std::uint32_t>(kind) << kKindShift | word << kWordShift |
                        pack(since, kTimeBits);
    state_ = (ns & ~kPositionMask) | position;
  }
  void note_bytes(Kind kind, std::uint64_t n) {
    const std::uint32_t tag = static_cast<std::uint32_t>(kind) << kKindShift;
    std::uint32_t& newest = events_[state_ & kPositionMask];
    const std::uint64_t sum = (newest & ((1U << kByteBits) - 1)) + n;
    if (newest >> kKindShift != tag >> kKindShift && n >> kByteBits == 0) {
      push(tag | static_cast<std::uint32_t>(n));
    } else if (newest >> kByteBits == tag >> kByteBits && sum >> kByteBits == 0) {
      newest = tag | static_cast<std::uint32_t>(sum);
    } else {
      note_many_bytes(tag, n);
    }
  }
  void note_many_bytes(std::uint32_t tag, std::uint64_t n);

  std::array<std::uint32_t, kEvents> events_{};
  /// The time of the newest timed event in nanoseconds; its low four bits hold the newest position.
  std::uint64_t state_ = 0;
};
static_assert(sizeof(FlightRecorder) == 72);

}  // namespace finack::record
