#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "finack/base/error.h"
#include "finack/base/fd.h"

namespace finack::sinks {

/// Whole lines into a file or pipe, buffered, and honest about what could not be written: after a
/// failed write (full disk, closed pipe) the lines that did not fit are dropped and counted, the
/// rest of a half-written line is kept and finished first, and the file never holds a broken line.
/// A file that a killed process left with half a line is continued on a new line. Into a
/// pipe it writes whole lines of at most PIPE_BUF bytes together, so that they do not mix with
/// those of others. One thread; dropped and written: any thread.
class LineWriter {
 public:
  /// Told in one sentence when writing starts to fail and when it works again.
  using Trouble = std::function<void(std::string_view)>;

  /// Appends the line that reports `count` lost lines.
  using Report = std::function<void(std::string& out, std::uint64_t count)>;

  /// Opens `path` for appending, made with mode 0640 where absent; "-" is standard output.
  static Expected<Fd> open_file(const std::string& path);

  /// `path`: what reopen() opens again; "" or "-": reopen does nothing.
  LineWriter(Fd fd, std::string path, Trouble trouble = {}, Report report = {});
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// The buffer to append to: text of whole lines, each ended by '\n'. Call line_done() after each.
  std::string& buffer() { return buffer_; }
  /// Counts the line just appended; writes when 64 KiB have gathered.
  void line_done();
  /// Writes what is buffered. Blocks when a pipe or terminal is slow.
  void flush();
  /// Continues in a newly opened file of the same path (log rotation). On error the old file goes
  /// on.
  Expected<void> reopen();

  /// Whether something waits to be written although the buffer is empty: try flush() again.
  bool owes() const;

  /// Lines lost elsewhere (in the ring) that the next report shall include.
  void report_lost(std::uint64_t count);

  /// Lines this writer lost since the start.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  /// Lines completely written since the start.
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }

 private:
  void adopt(Fd fd);
  bool write_cut();
  void write_report();
  void recovered();
  void drop_rest(std::size_t written, int error);

  std::string buffer_;
  Fd fd_;
  std::string path_;
  std::string cut_;          ///< Rest of a line of which the file holds the beginning.
  bool cut_is_ours_ = true;  ///< False: an earlier process began it.
  Trouble trouble_;
  Report report_;
  std::atomic<std::uint64_t> dropped_{0};
  std::uint64_t unreported_ = 0;
  std::atomic<std::uint64_t> written_{0};
  bool failing_ = false;
  bool pipe_ = false;
};

}  // namespace finack::sinks
