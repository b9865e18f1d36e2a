#pragma once
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "finack/record/counters.h"

namespace finack::sinks {

/// One ledger's counters as metrics see them, both roles' books. `counters` must live as long as
/// the Metrics.
struct CounterSource {
  const record::Counters* counters = nullptr;
  std::uint32_t worker = 0;
  record::Purpose purpose = record::Purpose::traffic;
};

/// Lines lost since the start, by where they should have gone.
struct DroppedLines {
  std::uint64_t records = 0;
  std::uint64_t console = 0;
  std::uint64_t log = 0;
};

/// The per-worker counters as Prometheus metrics: names `finack_…`, base units (seconds, bytes),
/// closed lists as label values. What is not traffic (admin, health) stays out of all families but
/// `finack_nontraffic_…`. Collecting stops no worker: every number is read once, and in one scrape
/// opened = ended + live holds for each role and worker. Role client is shown once something was
/// dialed. Any thread.
class Metrics final : public prometheus::Collectable {
 public:
  struct Options {
    /// The counters of every ledger; called at each collection, on its thread.
    std::function<std::vector<CounterSource>()> counters;
    /// Called at each collection, on its thread; absent: 0.
    std::function<DroppedLines()> dropped_lines;
    /// Adds further families behind ours; called at each collection, on its thread. Absent: none.
    std::function<void(std::vector<prometheus::MetricFamily>&)> more;
    std::string version;       ///< Build info, e.g. "0.1.0".
    std::string revision;      ///< Build info; "" where unknown.
    std::string loop_backend;  ///< "io_uring" or "epoll".
  };
  explicit Metrics(Options options) : options_(std::move(options)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;
  /// In the Prometheus text exposition format 0.0.4.
  std::string text() const;

 private:
  Options options_;
};

/// The reference page: a table of every metric with its name, type, labels and meaning.
std::string metrics_reference_markdown();

}  // namespace finack::sinks
