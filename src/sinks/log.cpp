#include "sinks/log.h"

#include <atomic>

#include "sinks/text.h"

namespace finack::sinks {
namespace {

/// Lines come out within this time.
constexpr Nanos kBound = std::chrono::milliseconds(50);

/// The lane this thread used last.
struct Seat {
  std::uint64_t log = 0;
  LineLane* lane = nullptr;
};
constinit thread_local Seat seat;

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1) + 1;
}

void append_report(std::string& out, std::uint64_t count) {
  append_rfc3339(out, system_clock().wall());
  out += ' ';
  append_number(out, count);
  out += count == 1 ? " line dropped\n" : " lines dropped\n";
}

}  // namespace

Log::Log(Fd fd, std::size_t lane_bytes)
    : serial_(next_serial()),
      thread_(std::move(fd), "",
              {.lane_bytes = lane_bytes, .bound = kBound, .trouble = {}, .report = append_report}) {
}

void Log::write(std::string_view line) {
  LineLane& lane = seat.log == serial_ ? *seat.lane : lane_of_this_thread();
  lane.try_push(line, "\n");
  if (lane.quarter_full()) thread_.nudge();
}

LineLane& Log::lane_of_this_thread() {
  const std::lock_guard lock(mutex_);
  const std::thread::id self = std::this_thread::get_id();
  LineLane* lane = nullptr;
  for (const auto& [thread, its_lane] : lanes_) {
    if (thread == self) lane = its_lane;
  }
  if (lane == nullptr) {
    lane = &thread_.add_lane();
    lanes_.emplace_back(self, lane);
    thread_.wake();
  }
  seat = {serial_, lane};
  return *lane;
}

}  // namespace finack::sinks
