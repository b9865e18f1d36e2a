#include "finack/record/drainer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "finack/record/ledger.h"

namespace finack::record {
namespace {

using namespace std::chrono_literals;

/// Counts calls, from the drainer's thread; the test waits for what it expects.
class CountingSink final : public Sink {
 public:
  void on_connection(const ConnectionRecord& record) override {
    note([&] {
      auto& last = last_of_worker.at(record.id.worker);
      in_order = in_order && record.id.sequence == last + 1;
      last = record.id.sequence;
      ++connections;
    });
  }
  void on_request(const RequestRecord&) override {
    note([&] { ++requests; });
  }
  void on_finding(const FindingRecord&) override {
    note([&] { ++findings; });
  }
  void on_dropped(std::uint64_t count) override {
    note([&] { dropped += count; });
  }
  void flush(WallTime now) override {
    note([&] {
      ++flushes;
      flushed_at = now;
    });
  }
  void reopen() override {
    note([&] { ++reopens; });
  }

  /// False when it did not come true within ten seconds.
  template <class Condition>
  bool wait_for(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, condition);
  }

  std::vector<std::uint64_t> last_of_worker = std::vector<std::uint64_t>(2);
  bool in_order = true;
  std::uint64_t connections = 0, requests = 0, findings = 0, dropped = 0, flushes = 0, reopens = 0;
  WallTime flushed_at{};

 private:
  template <class F>
  void note(F change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

ConnectionRecord connection(std::uint32_t worker, std::uint64_t sequence) {
  ConnectionRecord record;
  record.id = {1, worker, sequence};
  record.listener = "127.0.0.1:8080";
  record.ending.cause = Cause::client_silent;
  return record;
}

TEST(Drainer, EveryRecordOfTwoWorkersArrivesInTheWorkersOrder) {
  Ring first({.bytes = 16384, .overflow = Overflow::block});
  Ring second({.bytes = 16384, .overflow = Overflow::block});
  CountingSink sink;
  Drainer drainer({.rings = {&first, &second}, .sinks = {&sink}});
  drainer.start();
  constexpr std::uint64_t kEach = 10'000;
  auto work = [&](Ring& ring, std::uint32_t worker) {
    auto ledger = std::make_unique<Ledger>(Ledger::Options{.worker = worker, .ring = &ring});
    for (std::uint64_t i = 1; i <= kEach; ++i) {
      auto entry = ledger->open_connection();
      ledger->finish(std::move(entry), connection(worker, i), Phase::accept);
      if (i % 16 == 0) ledger->publish();
    }
    ledger->publish();
    EXPECT_EQ(ledger->counters().dropped_records.get(), 0U);
  };
  std::thread one([&] { work(first, 0); });
  std::thread two([&] { work(second, 1); });
  one.join();
  two.join();
  drainer.stop();
  EXPECT_EQ(sink.connections, 2 * kEach);
  EXPECT_TRUE(sink.in_order);
  EXPECT_EQ(sink.dropped, 0U);
  EXPECT_GT(sink.flushes, 0U);
}

TEST(Drainer, TellsWhatWasDropped) {
  Ring ring({.bytes = 4096});
  CountingSink sink;
  Drainer drainer({.rings = {&ring}, .sinks = {&sink}});
  std::uint64_t refused = 0;
  for (std::uint64_t i = 1; i <= 50; ++i) refused += ring.try_write(connection(0, i)) ? 0 : 1;
  ring.publish();
  EXPECT_EQ(drainer.turn() + refused, 50U);
  EXPECT_GT(refused, 0U);
  EXPECT_EQ(sink.dropped, refused);
  drainer.turn();
  EXPECT_EQ(sink.dropped, refused) << "told once";
}

TEST(Drainer, WakesByItselfWithinItsBound) {
  Ring ring({.bytes = 65536});
  CountingSink sink;
  Drainer drainer({.rings = {&ring}, .sinks = {&sink}, .bound = 5ms});
  drainer.start();
  // Far below a quarter: nobody rings.
  ring.try_write(connection(0, 1));
  ring.publish();
  EXPECT_TRUE(sink.wait_for([&] { return sink.connections == 1; }));
}

TEST(Drainer, AQuarterFullRingWakesIt) {
  Ring ring({.bytes = 16384});
  CountingSink sink;
  Drainer drainer({.rings = {&ring}, .sinks = {&sink}, .bound = 1h});
  drainer.start();
  for (std::uint64_t i = 1; i <= 16384 / 4 / sizeof(ConnectionRecord) + 1; ++i) {
    ring.try_write(connection(0, i));
  }
  ring.publish();
  EXPECT_TRUE(sink.wait_for([&] { return sink.connections > 0; }));
}

TEST(Drainer, StopDrainsToTheEndAndEndsTheThread) {
  Ring ring({.bytes = 65536});
  CountingSink sink;
  Drainer drainer({.rings = {&ring}, .sinks = {&sink}, .bound = 1h});
  drainer.start();
  for (std::uint64_t i = 1; i <= 10; ++i) ring.try_write(connection(0, i));
  ring.publish();
  drainer.stop();
  EXPECT_EQ(sink.connections, 10U);
  drainer.stop();
}

/// Takes nothing until it is given room.
class TightSink final : public Sink {
 public:
  void on_connection(const ConnectionRecord&) override { ++connections; }
  void on_request(const RequestRecord&) override {}
  void on_finding(const FindingRecord&) override {}
  void on_dropped(std::uint64_t) override {}
  void flush(WallTime) override { ++flushes; }
  bool has_room() override { return room; }
  void attach(Doorbell* to) override { bell = to; }

  std::atomic<bool> room{false};
  std::uint64_t connections = 0, flushes = 0;
  Doorbell* bell = nullptr;
};

TEST(Drainer, RecordsStayInTheRingWhileASinkHasNoRoom) {
  Ring ring({.bytes = 65536, .overflow = Overflow::block});
  TightSink tight;
  CountingSink other;
  Drainer drainer({.rings = {&ring}, .sinks = {&tight, &other}, .bound = 1h});
  for (std::uint64_t i = 1; i <= 10; ++i) ring.try_write(connection(0, i));
  ring.publish();
  EXPECT_EQ(drainer.turn(), 0U);
  EXPECT_EQ(other.connections, 0U) << "all sinks see the same records";
  EXPECT_EQ(tight.flushes, 1U) << "but all are flushed";
  EXPECT_FALSE(ring.drained());
  std::thread reader([&] {
    tight.room = true;
    tight.bell->ring();
  });
  drainer.stop();
  reader.join();
  EXPECT_EQ(tight.connections, 10U);
  EXPECT_EQ(other.connections, 10U);
}

TEST(Drainer, ReleasedWritersDropInsteadOfWaiting) {
  Ring ring({.bytes = 4096, .overflow = Overflow::block});
  TightSink tight;
  Drainer drainer({.rings = {&ring}, .sinks = {&tight}, .bound = 1h});
  std::uint64_t refused = 0;
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= 50; ++i) refused += ring.try_write(connection(0, i)) ? 0 : 1;
    ring.publish();
  });
  drainer.release_writers();
  writer.join();
  EXPECT_GT(refused, 0U);
  tight.room = true;
  drainer.stop();
  EXPECT_EQ(tight.connections + refused, 50U);
}

TEST(Drainer, PassesReopenOnOnce) {
  CountingSink sink;
  ManualClock clock;
  Drainer drainer({.rings = {}, .sinks = {&sink}, .clock = &clock, .bound = 1h});
  drainer.start();
  drainer.request_reopen();
  EXPECT_TRUE(sink.wait_for([&] { return sink.reopens == 1; }));
  drainer.stop();
  EXPECT_EQ(sink.reopens, 1U);
  EXPECT_EQ(sink.flushed_at, clock.wall());
}

}  // namespace
}  // namespace finack::record
