#pragma once
#include <cstdint>

#include "finack/record/record.h"

namespace finack::app {

/// Stands before a sink that wants the requests of `record-requests` while every request is
/// recorded for a monitor: passes those that did not end well, and every Nth of the others. On the
/// drainer's thread.
class RequestFilter final : public record::Sink {
 public:
  /// `every`: 0 passes none of the requests that ended well, 1 all. `to` outlives this.
  RequestFilter(record::Sink& to, std::uint32_t every) : to_(to), every_(every) {}

  void on_connection(const record::ConnectionRecord& record) override { to_.on_connection(record); }
  void on_request(const record::RequestRecord& record) override {
    if (!record::is_ok(record.ending.cause) || is_due()) to_.on_request(record);
  }
  void on_finding(const record::FindingRecord& record) override { to_.on_finding(record); }
  void on_dropped(std::uint64_t count) override { to_.on_dropped(count); }
  void flush(WallTime now) override { to_.flush(now); }
  void reopen() override { to_.reopen(); }
  bool has_room() override { return to_.has_room(); }
  void attach(record::Doorbell* bell) override { to_.attach(bell); }

 private:
  bool is_due() {
    if (every_ == 0 || ++seen_ < every_) return false;
    seen_ = 0;
    return true;
  }
  record::Sink& to_;
  std::uint32_t every_;
  std::uint32_t seen_ = 0;
};

}  // namespace finack::app
