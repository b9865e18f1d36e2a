#include "finack/record/flight_recorder.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace finack::record {
namespace {

using namespace std::chrono_literals;

constexpr Instant kOpened{1000h + 7ns};

std::vector<FlightEvent> events_of(const FlightRecorder& recorder) {
  std::array<FlightEvent, FlightRecorder::kEvents> room;
  const auto events = recorder.unpack(kOpened, room);
  return {events.begin(), events.end()};
}

TEST(FlightRecorder, FitsItsPlaceInTheSlot) { EXPECT_LE(sizeof(FlightRecorder), 72U); }

TEST(FlightRecorder, IsEmptyAtFirstAndAfterClear) {
  FlightRecorder recorder;
  EXPECT_TRUE(events_of(recorder).empty());
  recorder.note_phase(Phase::idle, kOpened);
  recorder.clear();
  EXPECT_TRUE(events_of(recorder).empty());
}

TEST(FlightRecorder, TellsTheStoryInOrder) {
  FlightRecorder recorder;
  recorder.note_phase(Phase::fresh, kOpened + 5us);
  recorder.note_bytes_in(100);
  recorder.note_phase(Phase::head, kOpened + 1ms);
  recorder.note_bytes_out(70);
  recorder.note_timer(TimerKind::response_stall, kOpened + 2s);
  recorder.note_end(EndKind::timed_out);
  const auto events = events_of(recorder);
  ASSERT_EQ(events.size(), 6U);
  const std::string_view kinds[] = {"phase", "bytes_in", "phase", "bytes_out", "timer", "end"};
  const std::string_view words[] = {"fresh", "", "head", "", "response_stall", "timed_out"};
  const std::uint64_t values[] = {0, 100, 0, 70, 0, 0};
  const std::uint64_t at[] = {5, 5, 1000, 1000, 2'000'000, 2'000'000};
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].event, kinds[i]);
    EXPECT_EQ(events[i].word, words[i]);
    EXPECT_EQ(events[i].value, values[i]);
    EXPECT_NEAR(static_cast<double>(events[i].at_us), static_cast<double>(at[i]),
                8.0 + 0.001 * static_cast<double>(at[i]));
  }
}

TEST(FlightRecorder, KeepsTheLastSixteenWithTheirTrueTimes) {
  FlightRecorder recorder;
  for (int i = 0; i < 40; ++i) {
    recorder.note_phase(static_cast<Phase>(i % 17), kOpened + i * 1s);
  }
  const auto events = events_of(recorder);
  ASSERT_EQ(events.size(), 16U);
  for (int i = 0; i < 16; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    EXPECT_EQ(event.word, name(static_cast<Phase>((i + 24) % 17)));
    EXPECT_NEAR(static_cast<double>(event.at_us), (i + 24) * 1e6, 1e3 * (i + 24));
  }
}

TEST(FlightRecorder, TimesAreExactToATenthOfAPercentFromMicrosecondsToDays) {
  for (const Nanos gap : {3us + 0ns, 700us + 0ns, 75s + 0ns, 1h + 1ns, 24h * 9 + 0ns}) {
    FlightRecorder recorder;
    recorder.note_phase(Phase::fresh, kOpened);
    recorder.note_phase(Phase::idle, kOpened + gap);
    const auto events = events_of(recorder);
    ASSERT_EQ(events.size(), 2U);
    const double gap_us = static_cast<double>(gap.count()) / 1000;
    EXPECT_NEAR(static_cast<double>(events[1].at_us), gap_us, 1 + gap_us / 1000);
    EXPECT_NEAR(static_cast<double>(events[0].at_us), 0, 2 + gap_us / 1000);
  }
}

TEST(FlightRecorder, BytesOfOneDirectionMerge) {
  FlightRecorder recorder;
  recorder.note_bytes_in(10);
  recorder.note_bytes_in(20);
  recorder.note_bytes_out(1);
  recorder.note_bytes_in(5);
  const auto events = events_of(recorder);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].value, 30U);
  EXPECT_EQ(events[1].value, 1U);
  EXPECT_EQ(events[2].value, 5U);
}

TEST(FlightRecorder, BigSumsOfSmallPiecesStayWithinTwoPercent) {
  for (const std::uint64_t piece : {1ULL, 1448ULL, 16384ULL, 1ULL << 20, 1ULL << 40}) {
    FlightRecorder recorder;
    constexpr std::uint64_t kTimes = 300'000;
    for (std::uint64_t i = 0; i < kTimes; ++i) recorder.note_bytes_out(piece);
    const auto events = events_of(recorder);
    ASSERT_EQ(events.size(), 1U);
    const double expected = static_cast<double>(piece) * static_cast<double>(kTimes);
    if (expected > 3e16) {
      // Beyond what five bits of shift can say: the largest value, never a small one.
      EXPECT_GT(static_cast<double>(events[0].value), 3e16);
      continue;
    }
    EXPECT_NEAR(static_cast<double>(events[0].value), expected, expected * 0.02) << piece;
  }
}

}  // namespace
}  // namespace finack::record
