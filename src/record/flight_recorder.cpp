#include "finack/record/flight_recorder.h"

namespace finack::record {
namespace {

std::string_view end_word(EndKind end) {
  static constexpr std::array<std::string_view, 10> kWords = {
      "none",   "fin",       "rst",       "timed_out", "unreachable",
      "killed", "truncated", "no_memory", "error",     "alert"};
  return kWords[static_cast<std::size_t>(end)];
}

}  // namespace

void FlightRecorder::note_many_bytes(std::uint32_t tag, std::uint64_t n) {
  std::uint32_t& newest = events_[state_ & kPositionMask];
  if (newest >> kKindShift != tag >> kKindShift) {
    push(tag | pack(n, kByteBits));
    return;
  }
  // Half a unit more, because thousands of small additions to a big sum would otherwise be lost.
  const std::uint64_t sum = unpack(newest & ((1U << kKindShift) - 1), kByteBits) + n;
  const auto width = static_cast<std::uint32_t>(std::bit_width(sum));
  const std::uint64_t half = width > kByteBits ? std::uint64_t{1} << (width - kByteBits - 1) : 0;
  newest = tag | pack(sum + half, kByteBits);
}

std::span<const FlightEvent> FlightRecorder::unpack(Instant opened,
                                                    std::span<FlightEvent, kEvents> out) const {
  // Backwards, because only the newest time is known absolutely.
  std::int64_t at_ns = (last() - opened).count();
  std::size_t first = kEvents;
  for (std::size_t i = 0; i < kEvents; ++i) {
    const std::uint32_t packed = events_[(state_ - i) & kPositionMask];
    const auto kind = static_cast<Kind>(packed >> kKindShift);
    if (kind == Kind::none) break;
    FlightEvent& event = out[--first];
    event = {};
    event.at_us = at_ns > 0 ? static_cast<std::uint64_t>(at_ns) / 1000 : 0;
    if (kind == Kind::bytes_in || kind == Kind::bytes_out) {
      event.event = kind == Kind::bytes_in ? "bytes_in" : "bytes_out";
      event.value = unpack(packed & ((1U << kKindShift) - 1), kByteBits);
      continue;
    }
    const std::uint32_t word = packed >> kWordShift & 31U;
    switch (kind) {
      case Kind::timer:
        event.event = "timer";
        event.word = name(static_cast<TimerKind>(word));
        break;
      case Kind::end:
        event.event = "end";
        event.word = end_word(static_cast<EndKind>(word));
        break;
      default:
        event.event = "phase";
        event.word = name(static_cast<Phase>(word));
        break;
    }
    at_ns -= static_cast<std::int64_t>(unpack(packed & ((1U << kWordShift) - 1), kTimeBits) << 10);
  }
  return out.subspan(first);
}

}  // namespace finack::record
