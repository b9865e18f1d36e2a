#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "finack/base/fd.h"
#include "finack/record/explain.h"
#include "finack/record/record.h"

namespace finack::sinks {

class QueuedLines;

/// One readable line per connection ending and per request that did not end normally, for people:
///
///   08:15:02.123  client.left_waiting     peer fin in handling     GET /slow     127.0.0.1:50312 …
///
/// Lines of one cause are rate-limited: after `burst` lines in `window`, further ones are counted
/// and summed up ("suppressed 12 340 × client.silent in 10 s"). Control characters of peers are
/// escaped, so that a request cannot command the terminal. Written by a thread of its own: where
/// nobody reads, lines wait up to `queue_bytes`, further ones are dropped, counted and told later.
/// Sink calls: one thread; dropped and settle: any thread.
class Console final : public record::Sink {
 public:
  struct Options {
    bool colour = false;   ///< Colour by severity; normal endings dim.
    bool explain = false;  ///< The first sentence of the explanation, from notice on.
    /// The least severe ending that is printed. `normal` shows every connection of traffic, but no
    /// normal request (its connection's line counts it) and no normal admin connection. A finding
    /// counts as a fault; lost records are always told.
    record::Severity least = record::Severity::notice;
    bool redact_query = false;
    bool utc = false;  ///< Time of day in UTC instead of local time.
    record::Lang lang = record::Lang::en;
    std::uint32_t burst = 10;  ///< Lines per cause and window; 0: no limit.
    Nanos window = std::chrono::seconds(10);
    std::size_t queue_bytes = 1024 * 1024;  ///< Of lines; a power of two.
  };
  /// For `fd`, which stays the caller's: colour and explanations when it is a terminal (NO_COLOR is
  /// respected), plain in a pipe.
  static Options options_for(int fd, record::Lang lang = record::Lang::en);

  Console(Fd fd, Options options);
  /// Writes outstanding sums.
  ~Console() override;

  void on_connection(const record::ConnectionRecord& record) override;
  void on_request(const record::RequestRecord& record) override;
  void on_finding(const record::FindingRecord& record) override;
  void on_dropped(std::uint64_t count) override;
  void flush(WallTime now) override;

  /// Waits until all lines that were flushed are written or given up; false: not within `most`.
  bool settle(Nanos most);
  /// Lines that could not be written or found no room.
  std::uint64_t dropped() const;

 private:
  struct Repetition {
    WallTime since{};
    std::uint64_t lines = 0;  ///< In this window, printed or not.
  };
  struct Row;

  /// Counts the line; false: suppressed.
  bool admit(Repetition& repetition, std::string_view name, WallTime at);
  void close_window(Repetition& repetition, std::string_view name, WallTime end);
  void close_windows(WallTime now, bool all);
  void print(const Row& row);
  void print_dropped(WallTime now);
  void print_explanation(std::string_view text);

  Options options_;
  std::unique_ptr<QueuedLines> writer_;
  std::array<Repetition, record::kCauseCount> causes_;
  std::array<Repetition, record::kFindingCount> findings_;
  std::uint64_t lost_ = 0;  ///< Records dropped and not yet reported.
  WallTime lost_reported_{};
  WallTime latest_{};
};

}  // namespace finack::sinks
