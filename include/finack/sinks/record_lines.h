#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "finack/base/error.h"
#include "finack/record/explain.h"
#include "finack/record/record.h"
#include "finack/record/ring.h"
#include "finack/sinks/line_writer.h"

namespace finack::sinks {

class QueuedLines;

/// What replaces the query string where `redact_query` is on.
inline constexpr std::string_view kRedactedQuery = "?…redacted";

/// Records as JSON, one object a line: the format that scripts and other tools rely on
/// (docs/records.md). Kinds: "connection", "request", "finding", "dropped". Lines are written when
/// the drainer has emptied the rings, on a thread of this sink's own: where that stands still (a
/// full pipe, a hung disk), lines wait up to `queue_bytes`. Sink calls: one thread; dropped,
/// written and settle: any thread.
class RecordLines final : public record::Sink {
 public:
  struct Options {
    std::string path = "-";     ///< A file, appended to, or "-" for standard output.
    bool redact_query = false;  ///< Replace everything from '?' on in targets by kRedactedQuery.
    record::Lang lang = record::Lang::en;  ///< Of the `explain` text.
    /// Told when writing fails and when it works again, on the thread that writes.
    LineWriter::Trouble trouble;
    std::size_t queue_bytes = 16 * 1024 * 1024;  ///< Of lines; a power of two.
    /// A full queue: drop lines and count them, or take no further record.
    record::Overflow overflow = record::Overflow::drop;
  };
  /// Opens the file; the error names the path and what to do.
  static Expected<std::unique_ptr<RecordLines>> open(Options options);
  /// Writes to a descriptor that is open already; `options.path` is what reopen() opens.
  RecordLines(Fd fd, Options options);
  /// Writes what waits, however long that takes.
  ~RecordLines() override;

  void on_connection(const record::ConnectionRecord& record) override;
  void on_request(const record::RequestRecord& record) override;
  void on_finding(const record::FindingRecord& record) override;
  void on_dropped(std::uint64_t count) override;
  void flush(WallTime now) override;

  /// Continues in a new file of the same path, after the old one was renamed; where that cannot be
  /// opened, `trouble` is told and the old file goes on.
  void reopen() override;
  bool has_room() override;
  void attach(record::Doorbell* bell) override;

  /// Waits until all lines that were flushed are written or given up; false: not within `most`.
  bool settle(Nanos most);
  /// Lines this sink could not write, or had no room for. What the ring dropped is counted by the
  /// ring.
  std::uint64_t dropped() const;
  std::uint64_t written() const;

 private:
  Options options_;
  std::unique_ptr<QueuedLines> writer_;
};

/// The text of ids: "<boot hex8><worker hex2>-<sequence hex>", e.g. "5f0c91aa00-1f".
std::string id_text(const record::ConnectionId& id);

}  // namespace finack::sinks
