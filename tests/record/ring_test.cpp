#include "finack/record/ring.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace finack::record {
namespace {

/// Keeps copies of what it was told.
class Collector final : public Sink {
 public:
  void on_connection(const ConnectionRecord& record) override {
    connections.push_back(record.id.sequence);
    text.push_back(std::string(record.listener) + "|" + std::string(record.protocol));
    events.assign(record.events.begin(), record.events.end());
    last = record;
  }
  void on_request(const RequestRecord& record) override {
    requests.push_back(record.number);
    text.push_back(std::string(record.method) + " " + std::string(record.target) + " " +
                   std::string(record.route) + " " + std::string(record.exception) + " " +
                   std::string(record.request_id));
    last_status = record.status;
    tries.assign(record.upstream.begin(), record.upstream.end());
  }
  void on_finding(const FindingRecord& record) override {
    text.push_back(std::string(name(record.finding)) + " " + std::string(record.route));
  }
  void on_dropped(std::uint64_t) override {}
  void flush(WallTime) override {}

  std::vector<std::uint64_t> connections;
  std::vector<std::uint32_t> requests;
  std::vector<std::string> text;
  std::vector<FlightEvent> events;
  std::vector<UpstreamTry> tries;
  ConnectionRecord last;
  int last_status = 0;
};

std::size_t drain(Ring& ring, Collector& into) {
  std::array<Sink*, 1> sinks = {&into};
  return ring.drain(sinks);
}

RequestRecord request(std::uint32_t number, std::string_view target) {
  RequestRecord record;
  record.number = number;
  record.method = "GET";
  record.target = target;
  return record;
}

TEST(Ring, RecordsComeBackAsTheyWereWritten) {
  Ring ring({.bytes = 65536});
  Collector got;
  {
    // The strings die before the ring is read.
    const std::string listener = "127.0.0.1:8080";
    std::array<FlightEvent, 2> events;
    events[0] = {12, "phase", "head", 0};
    events[1] = {13, "bytes_in", "", 99};
    ConnectionRecord record;
    record.id = {1, 2, 3};
    record.listener = listener;
    record.protocol = "http/1.1";
    record.ending.cause = Cause::client_head_truncated;
    record.ending.undelivered_bytes = 77;
    record.ending.evidence.reason = "why";
    record.tcp.valid = true;
    record.tcp.bytes_acked = 5;
    record.events = events;
    ASSERT_TRUE(ring.try_write(record));
    const std::string target = "/a?b";
    RequestRecord with_all = request(9, target);
    with_all.route = "/a";
    with_all.exception = "boom";
    with_all.request_id = "id-1";
    with_all.status = 500;
    ASSERT_TRUE(ring.try_write(with_all));
    FindingRecord finding;
    finding.finding = Finding::loop_blocked;
    const std::string route = "/slow";
    finding.route = route;
    ASSERT_TRUE(ring.try_write(finding));
  }
  EXPECT_EQ(drain(ring, got), 0U) << "nothing is visible before publish";
  ring.publish();
  EXPECT_EQ(drain(ring, got), 3U);
  ASSERT_EQ(got.text.size(), 3U);
  EXPECT_EQ(got.text[0], "127.0.0.1:8080|http/1.1");
  EXPECT_EQ(got.text[1], "GET /a?b /a boom id-1");
  EXPECT_EQ(got.text[2], "finding.loop_blocked /slow");
  EXPECT_EQ(got.last_status, 500);
  EXPECT_EQ(got.last.ending.cause, Cause::client_head_truncated);
  EXPECT_EQ(got.last.ending.undelivered_bytes, 77U);
  EXPECT_STREQ(got.last.ending.evidence.reason, "why");
  EXPECT_EQ(got.last.tcp.bytes_acked, 5U);
  ASSERT_EQ(got.events.size(), 2U);
  EXPECT_EQ(got.events[0].word, "head");
  EXPECT_EQ(got.events[1].value, 99U);
}

TEST(Ring, LongStringsAreCutAtTheirLimits) {
  Ring ring({.bytes = 65536});
  const std::string longer(5000, 'x');
  RequestRecord record = request(1, longer);
  record.exception = longer;
  record.request_id = longer;
  record.route = longer;
  record.method = longer;
  ASSERT_TRUE(ring.try_write(record));
  ring.publish();
  Collector got;
  EXPECT_EQ(drain(ring, got), 1U);
  EXPECT_EQ(got.text[0].size(), 255U + 1 + 1024 + 1 + 255 + 1 + 256 + 1 + 128);
}

TEST(Ring, TheLastTriesOfARequestComeBack) {
  Ring ring({.bytes = 65536});
  for (const std::size_t count : {1U, 8U, 11U}) {
    {
      std::vector<UpstreamTry> tries(count);
      for (std::size_t i = 0; i < count; ++i) {
        tries[i].address.port = 9000;
        tries[i].connection = {1, 2, i + 100};
        tries[i].cause = i + 1 == count ? Cause::ok_completed : Cause::upstream_refused;
        tries[i].attempt = static_cast<std::uint16_t>(i + 1);
        tries[i].reused = i % 2 == 1;
        tries[i].duration = Nanos(1000 * (i + 1));
      }
      RequestRecord record = request(static_cast<std::uint32_t>(count), "/odd");
      record.upstream = tries;
      ASSERT_TRUE(ring.try_write(record));
    }
    ring.publish();
    Collector got;
    EXPECT_EQ(drain(ring, got), 1U);
    EXPECT_EQ(got.text[0], "GET /odd   ");
    ASSERT_EQ(got.tries.size(), std::min<std::size_t>(count, 8));
    for (std::size_t i = 0; i < got.tries.size(); ++i) {
      const std::size_t number = count - got.tries.size() + i + 1;
      EXPECT_EQ(got.tries[i].attempt, number);
      EXPECT_EQ(got.tries[i].address.port, 9000);
      EXPECT_EQ(got.tries[i].connection.sequence, number + 99);
      EXPECT_EQ(got.tries[i].reused, number % 2 == 0);
      EXPECT_EQ(got.tries[i].duration.count(), 1000 * static_cast<std::int64_t>(number));
    }
    EXPECT_EQ(got.tries.back().cause, Cause::ok_completed);
  }
}

TEST(Ring, GoesAroundItsEndManyTimes) {
  Ring ring({.bytes = 4096});
  Collector got;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const std::string target(i % 613, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(ring.try_write(request(i, target))) << i;
    ring.publish();
    ASSERT_EQ(drain(ring, got), 1U);
    ASSERT_EQ(got.requests.back(), i);
    ASSERT_EQ(got.text.back(), "GET " + target + "   ");
  }
}

TEST(Ring, DropsAndCountsWhatFindsNoRoomAndGoesOnAfterwards) {
  Ring ring({.bytes = 4096});
  std::uint64_t written = 0;
  std::uint64_t refused = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    ring.try_write(request(i, "/")) ? ++written : ++refused;
    ring.publish();
  }
  EXPECT_GT(written, 3U);
  EXPECT_GT(refused, 50U);
  EXPECT_EQ(ring.take_dropped(), refused);
  EXPECT_EQ(ring.take_dropped(), 0U);
  Collector got;
  EXPECT_EQ(drain(ring, got), written);
  EXPECT_TRUE(ring.try_write(request(1000, "/")));
  ring.publish();
  EXPECT_EQ(drain(ring, got), 1U);
  EXPECT_EQ(got.requests.back(), 1000U);
}

TEST(Ring, ABlockedWriterLosesNothing) {
  Ring ring({.bytes = 4096, .overflow = Overflow::block});
  constexpr std::uint32_t kRecords = 20'000;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < kRecords; ++i) {
      EXPECT_TRUE(ring.try_write(request(i, "/target")));
      if (i % 7 == 0) ring.publish();
    }
    ring.publish();
    done = true;
  });
  Collector got;
  while (!done || got.requests.size() < kRecords) {
    if (drain(ring, got) == 0) std::this_thread::yield();
  }
  writer.join();
  ASSERT_EQ(got.requests.size(), kRecords);
  for (std::uint32_t i = 0; i < kRecords; ++i) ASSERT_EQ(got.requests[i], i);
  EXPECT_EQ(ring.take_dropped(), 0U);
}

TEST(Ring, DetachFreesABlockedWriterWhoThenDrops) {
  Ring ring({.bytes = 4096, .overflow = Overflow::block});
  std::atomic<std::uint32_t> accepted{0};
  std::thread writer([&] {
    while (ring.try_write(request(1, "/"))) ++accepted;
  });
  // Nobody reads: the writer can only come back through detach.
  while (accepted < 5) std::this_thread::yield();
  ring.detach();
  writer.join();
  EXPECT_EQ(ring.take_dropped(), 1U);
  Collector got;
  ring.publish();
  EXPECT_EQ(drain(ring, got), accepted);
}

TEST(Ring, RingsTheBellAtAQuarterFull) {
  Ring ring({.bytes = 16384});
  Doorbell bell;
  ring.attach(&bell);
  std::size_t written = 0;
  const auto rung = [&] {
    const auto begin = std::chrono::steady_clock::now();
    bell.wait(std::chrono::milliseconds(200));
    return std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(150);
  };
  ring.try_write(request(1, "/"));
  ring.publish();
  ++written;
  EXPECT_FALSE(rung());
  while (written < 16384 / 4 / sizeof(RequestRecord) + 1) {
    ring.try_write(request(1, "/"));
    ring.publish();
    ++written;
  }
  EXPECT_TRUE(rung());
}

}  // namespace
}  // namespace finack::record
