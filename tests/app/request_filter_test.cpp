#include "app/request_filter.h"

#include <gtest/gtest.h>

#include <memory>

#include "app/service.h"

namespace finack::app {
namespace {

using record::Cause;

struct Counts final : record::Sink {
  void on_connection(const record::ConnectionRecord&) override { ++connections; }
  void on_request(const record::RequestRecord&) override { ++requests; }
  void on_finding(const record::FindingRecord&) override { ++findings; }
  void on_dropped(std::uint64_t count) override { dropped += count; }
  void flush(WallTime) override { ++flushed; }
  void reopen() override { ++reopened; }
  int connections = 0, requests = 0, findings = 0, flushed = 0, reopened = 0;
  std::uint64_t dropped = 0;
};

int passed(std::uint32_t every, Cause cause, int requests) {
  Counts counts;
  RequestFilter filter(counts, every);
  record::RequestRecord record;
  record.ending.cause = cause;
  for (int i = 0; i < requests; ++i) filter.on_request(record);
  return counts.requests;
}

TEST(RequestFilter, passes_what_did_not_end_well_and_every_nth_of_the_others) {
  EXPECT_EQ(passed(0, Cause::ok_completed, 10), 0);
  EXPECT_EQ(passed(0, Cause::client_left_waiting, 10), 10);
  EXPECT_EQ(passed(1, Cause::ok_completed, 10), 10);
  EXPECT_EQ(passed(4, Cause::ok_completed, 10), 2);
  EXPECT_EQ(passed(4, Cause::ok_half_close_served, 10), 2);
  EXPECT_EQ(passed(4, Cause::app_failed, 10), 10);
}

TEST(RequestFilter, passes_everything_else) {
  Counts counts;
  RequestFilter filter(counts, 0);
  filter.on_connection({});
  filter.on_finding({});
  filter.on_dropped(3);
  filter.flush({});
  filter.reopen();
  EXPECT_EQ(counts.connections + counts.findings + counts.flushed + counts.reopened, 4);
  EXPECT_EQ(counts.dropped, 3U);
}

/// Without a hook for requests a monitor costs no record of a request that ended well.
TEST(RecordedRequests, are_all_for_a_hook_on_requests_only) {
  using record::RecordRequests;
  route::ConnectionMonitor counting({});
  route::ConnectionMonitor::Hooks hooks;
  hooks.on_request_end = [](const record::RequestRecord&) {};
  route::ConnectionMonitor listening(std::move(hooks));
  EXPECT_EQ(recorded_requests(0, nullptr), RecordRequests::abnormal);
  EXPECT_EQ(recorded_requests(0, &counting), RecordRequests::abnormal);
  EXPECT_EQ(recorded_requests(10, &counting), RecordRequests::sampled);
  EXPECT_EQ(recorded_requests(1, nullptr), RecordRequests::all);
  EXPECT_EQ(recorded_requests(0, &listening), RecordRequests::all);
  EXPECT_EQ(recorded_requests(10, &listening), RecordRequests::all);
}

}  // namespace
}  // namespace finack::app
