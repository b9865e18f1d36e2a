#include "finack/route/connection_monitor.h"

#include <algorithm>
#include <utility>

namespace finack::route {

ConnectionMonitor::ConnectionMonitor(Hooks hooks, MonitorAlert alert)
    : hooks_(std::move(hooks)), alert_(alert) {
  alert_.window = std::clamp(alert_.window, std::chrono::seconds(1), std::chrono::seconds(60));
}

void ConnectionMonitor::connection_opened(const record::ConnectionId& id, const Address& peer) {
  opened_.fetch_add(1, std::memory_order_relaxed);
  if (hooks_.on_connection_open) hooks_.on_connection_open(id, peer);
}

ConnectionMonitor::Counts ConnectionMonitor::counts() const {
  constexpr auto relaxed = std::memory_order_relaxed;
  return {opened_.load(relaxed), ended_.load(relaxed), abnormal_.load(relaxed),
          requests_.load(relaxed), dropped_.load(relaxed)};
}

void ConnectionMonitor::on_connection(const record::ConnectionRecord& record) {
  if (record.purpose != record::Purpose::traffic) return;
  const bool abnormal = record.ending.severity >= alert_.abnormal_from;
  ended_.fetch_add(1, std::memory_order_relaxed);
  if (abnormal) abnormal_.fetch_add(1, std::memory_order_relaxed);
  if (hooks_.on_connection_end) hooks_.on_connection_end(record);
  if (hooks_.on_alert) watch_ratio(record, abnormal);
}

void ConnectionMonitor::watch_ratio(const record::ConnectionRecord& record, bool abnormal) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(record.ended.time_since_epoch()).count();
  Second& bucket = seconds_[static_cast<std::size_t>(now) % seconds_.size()];
  if (bucket.at < now) bucket = {now, 0, 0};
  ++bucket.ended;
  if (abnormal) ++bucket.abnormal;

  MonitorAlarm sum{0, 0, record.ending.cause, record.ended};
  for (const Second& second : seconds_) {
    if (second.at <= now - alert_.window.count() || second.at > now) continue;
    sum.ended += second.ended;
    sum.abnormal += second.abnormal;
  }
  const bool over =
      sum.ended >= alert_.min_endings &&
      static_cast<double>(sum.abnormal) >= alert_.ratio * static_cast<double>(sum.ended);
  if (over && !alarmed_) hooks_.on_alert(sum);
  alarmed_ = over;
}

void ConnectionMonitor::on_request(const record::RequestRecord& record) {
  if (record.purpose != record::Purpose::traffic) return;
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (hooks_.on_request_end) hooks_.on_request_end(record);
}

void ConnectionMonitor::on_dropped(std::uint64_t count) {
  dropped_.fetch_add(count, std::memory_order_relaxed);
}

}  // namespace finack::route
