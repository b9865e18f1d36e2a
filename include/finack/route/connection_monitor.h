#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>

#include "finack/record/record.h"

namespace finack::route {

/// What of abnormal endings is too much.
struct MonitorAlert {
  std::chrono::seconds window{60};  ///< 1 to 60.
  std::uint64_t min_endings = 20;   ///< Fewer connections in the window never alert.
  double ratio = 0.10;              ///< Abnormal endings ÷ endings from which on it alerts.
  /// The least severity that counts as abnormal.
  record::Severity abnormal_from = record::Severity::fault;
};

/// One alert: what the window held when the ratio was reached.
struct MonitorAlarm {
  std::uint64_t ended = 0;
  std::uint64_t abnormal = 0;
  record::Cause last_cause = record::Cause::unknown;  ///< Of the ending that raised it.
  WallTime at;
};

/// Hooks on the life of connections and requests, for an application's own counts and alarms. A
/// Sink: the drainer feeds it every ended connection and, where on_request_end is set, every
/// request; else the requests that are recorded (`record-requests`). Whoever accepts connections
/// calls connection_opened(). Hooks are set before it is used; end hooks run on the drainer's
/// thread, the open hook on the caller's.
class ConnectionMonitor final : public record::Sink {
 public:
  struct Hooks {
    std::function<void(const record::ConnectionId&, const Address& peer)> on_connection_open;
    std::function<void(const record::ConnectionRecord&)> on_connection_end;
    /// Every request. Without it, requests that ended well cost no record; with it, what the record
    /// file and the console show stays as `record-requests` says.
    std::function<void(const record::RequestRecord&)> on_request_end;
    /// Called once when the ratio is reached; again only after it was below in between.
    std::function<void(const MonitorAlarm&)> on_alert;
  };
  /// From any thread.
  struct Counts {
    std::uint64_t opened = 0;  ///< Only what connection_opened() was told.
    std::uint64_t ended = 0;
    std::uint64_t abnormal = 0;
    std::uint64_t requests = 0;  ///< All, where on_request_end is set; else recorded ones.
    std::uint64_t dropped = 0;   ///< Records lost before they came here.
  };

  explicit ConnectionMonitor(Hooks hooks, MonitorAlert alert = {});

  void connection_opened(const record::ConnectionId& id, const Address& peer);
  Counts counts() const;
  bool wants_every_request() const { return static_cast<bool>(hooks_.on_request_end); }

  void on_connection(const record::ConnectionRecord& record) override;
  void on_request(const record::RequestRecord& record) override;
  void on_finding(const record::FindingRecord&) override {}
  void on_dropped(std::uint64_t count) override;
  void flush(WallTime) override {}

 private:
  struct Second {
    std::int64_t at = -1;
    std::uint64_t ended = 0;
    std::uint64_t abnormal = 0;
  };
  void watch_ratio(const record::ConnectionRecord& record, bool abnormal);

  Hooks hooks_;
  MonitorAlert alert_;
  std::array<Second, 60> seconds_{};
  bool alarmed_ = false;
  std::atomic<std::uint64_t> opened_{0};
  std::atomic<std::uint64_t> ended_{0};
  std::atomic<std::uint64_t> abnormal_{0};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace finack::route
