#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "finack/record/ring.h"
#include "finack/sinks/line_writer.h"
#include "sinks/line_lane.h"

namespace finack::sinks {

/// A thread that writes lines and may stand still in it (a pipe nobody reads, a hung disk) without
/// holding up anybody: lines come in bounded lanes, and what does not fit is dropped, counted and
/// reported in the output when it moves again. The thread starts with the first wake().
class LineThread {
 public:
  struct Options {
    std::size_t lane_bytes = 1024 * 1024;  ///< A power of two.
    Nanos bound = std::chrono::hours(1);   ///< Looks at the lanes this often without a wake().
    LineWriter::Trouble trouble;           ///< Called on this thread.
    LineWriter::Report report;
  };
  LineThread(Fd fd, const std::string& path, Options options);
  /// Writes what waits, however long that takes; settle() tells beforehand.
  ~LineThread();
  LineThread(const LineThread&) = delete;
  LineThread& operator=(const LineThread&) = delete;

  /// A lane for one more writer; lives as long as this. Any thread.
  LineLane& add_lane();
  /// Any thread.
  void wake();
  /// Like wake(), cheaper while the thread is awake; may be missed until `bound`.
  void nudge() { bell_.ring(); }
  /// Whether a line of usual size fits. Where not, the bell of attach() rings when it may.
  bool has_room(const LineLane& lane);
  void attach(record::Doorbell* bell);
  /// Opens the path again behind what `lane`, the only one, holds now.
  void reopen_behind(const LineLane& lane);
  /// Lines lost elsewhere that the next report shall include.
  void report_lost(std::uint64_t count) { lost_elsewhere_.fetch_add(count); }
  /// Waits until all that was pushed before is written or given up; false: not within `most`.
  bool settle(Nanos most);

  /// Lines lost here since the start, and written.
  std::uint64_t dropped() const;
  std::uint64_t written() const { return writer_.written(); }

 private:
  void start();
  void run();
  void turn();
  bool take();
  bool reopen_if_due();

  Options options_;
  LineWriter writer_;  ///< Of the thread.
  record::Doorbell bell_;
  std::once_flag started_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> starved_{false};  ///< Somebody waits for room.
  std::atomic<std::uint64_t> lost_elsewhere_{0};
  std::atomic<std::uint64_t> reopen_at_;
  std::atomic<std::uint64_t> asked_{0};  ///< Calls of settle().
  mutable std::mutex mutex_;             ///< Guards what follows; never held while writing.
  std::vector<std::unique_ptr<LineLane>> lanes_;
  record::Doorbell* room_bell_ = nullptr;
  std::uint64_t answered_ = 0;
  std::condition_variable settled_;
};

/// The lines of one sink, put together by one thread (the drainer's) and written by another.
class QueuedLines {
 public:
  QueuedLines(Fd fd, const std::string& path, LineThread::Options options)
      : thread_(std::move(fd), path, std::move(options)), lane_(thread_.add_lane()) {}

  /// The buffer to append one line to, with its '\n'. Call line_done() after each.
  std::string& buffer() { return line_; }
  void line_done();
  /// Has what was added written soon.
  void flush();

  bool has_room() { return thread_.has_room(lane_); }
  void reopen() { thread_.reopen_behind(lane_); }
  void report_lost(std::uint64_t count);
  LineThread& thread() { return thread_; }
  const LineThread& thread() const { return thread_; }

 private:
  LineThread thread_;
  LineLane& lane_;
  std::string line_;
  std::uint64_t woken_at_ = 0;
  bool news_ = false;  ///< A line or a loss of which the thread was not told yet.
};

}  // namespace finack::sinks
