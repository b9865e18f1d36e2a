#include "finack/route/connection_monitor.h"

#include <gtest/gtest.h>

#include <vector>

namespace finack::route {
namespace {

using record::Cause;
using record::Severity;

record::ConnectionRecord ended(int second, Severity severity) {
  record::ConnectionRecord out;
  out.ended = WallTime(std::chrono::seconds(1'000'000 + second));
  out.ending.severity = severity;
  out.ending.cause = severity == Severity::normal ? Cause::ok_completed : Cause::client_left_flush;
  return out;
}

TEST(ConnectionMonitor, hooks_and_counts) {
  int opens = 0;
  int ends = 0;
  int requests = 0;
  ConnectionMonitor monitor({[&opens](const record::ConnectionId&, const Address&) { ++opens; },
                             [&ends](const record::ConnectionRecord&) { ++ends; },
                             [&requests](const record::RequestRecord&) { ++requests; },
                             {}});
  monitor.connection_opened({}, {});
  monitor.connection_opened({}, {});
  monitor.on_connection(ended(0, Severity::normal));
  monitor.on_connection(ended(0, Severity::fault));
  record::ConnectionRecord probe = ended(0, Severity::fault);
  probe.purpose = record::Purpose::health;
  monitor.on_connection(probe);
  monitor.on_request({});
  monitor.on_dropped(3);
  const auto counts = monitor.counts();
  EXPECT_EQ(opens, 2);
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(counts.opened, 2U);
  EXPECT_EQ(counts.ended, 2U);
  EXPECT_EQ(counts.abnormal, 1U);
  EXPECT_EQ(counts.requests, 1U);
  EXPECT_EQ(counts.dropped, 3U);
}

TEST(ConnectionMonitor, alerts_once_until_the_ratio_was_below) {
  std::vector<MonitorAlarm> alarms;
  MonitorAlert alert;
  alert.window = std::chrono::seconds(10);
  alert.min_endings = 10;
  alert.ratio = 0.5;
  ConnectionMonitor monitor({{}, {}, {}, [&alarms](const MonitorAlarm& a) { alarms.push_back(a); }},
                            alert);
  for (int i = 0; i < 9; ++i) monitor.on_connection(ended(0, Severity::fault));
  EXPECT_TRUE(alarms.empty());
  monitor.on_connection(ended(1, Severity::fault));
  ASSERT_EQ(alarms.size(), 1U);
  EXPECT_EQ(alarms[0].ended, 10U);
  EXPECT_EQ(alarms[0].abnormal, 10U);
  EXPECT_EQ(alarms[0].last_cause, Cause::client_left_flush);
  monitor.on_connection(ended(2, Severity::fault));
  EXPECT_EQ(alarms.size(), 1U);
  // The window moves on: the old endings no longer count.
  for (int i = 0; i < 20; ++i) monitor.on_connection(ended(30, Severity::normal));
  for (int i = 0; i < 19; ++i) monitor.on_connection(ended(31, Severity::notice));
  EXPECT_EQ(alarms.size(), 1U);
  for (int i = 0; i < 40; ++i) monitor.on_connection(ended(32, Severity::fault));
  EXPECT_EQ(alarms.size(), 2U);
}

}  // namespace
}  // namespace finack::route
