#include "finack/record/counters.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <thread>

namespace finack::record {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, ABoundBelongsToItsBucket) {
  const std::pair<Nanos, std::size_t> cases[] = {{Nanos(-5), 0},
                                                 {0ns, 0},
                                                 {1ns, 0},
                                                 {128us, 0},
                                                 {128us + 1ns, 1},
                                                 {256us, 1},
                                                 {256us + 1ns, 2},
                                                 {1024us, 3},
                                                 {1025us, 4},
                                                 {Histogram::bound(19), 19},
                                                 {Histogram::bound(19) + 1ns, 20},
                                                 {24h, 20}};
  for (const auto& [value, bucket] : cases) {
    Histogram histogram;
    histogram.add(value);
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      EXPECT_EQ(histogram.bucket(i), i == bucket ? 1U : 0U) << value.count() << " in " << i;
    }
  }
  EXPECT_EQ(Histogram::bound(0), 128us);
  EXPECT_EQ(Histogram::bound(19), 67'108'864us);
}

TEST(Histogram, KeepsCountAndSum) {
  Histogram histogram;
  histogram.add(1ms);
  histogram.add(2ms);
  histogram.add(Nanos(-1));
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.sum(), 3ms);
}

TEST(EndTable, CountsByEveryFieldOfTheKey) {
  const EndKey base{Role::server, Purpose::traffic, EndedBy::peer,
                    How::fin,     Phase::idle,      Cause::ok_peer_closed_idle};
  std::vector<EndKey> keys(7, base);
  keys[1].role = Role::client;
  keys[2].purpose = Purpose::health;
  keys[3].ended_by = EndedBy::network;
  keys[4].how = How::none;
  keys[5].phase = Phase::pool;
  keys[6].cause = Cause::unknown;
  EndTable table;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t n = 0; n <= i; ++n) table.add(keys[i]);
  }
  const auto rows = table.rows();
  ASSERT_EQ(rows.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto found = std::ranges::find(rows, keys[i], &EndTable::Row::key);
    ASSERT_NE(found, rows.end());
    EXPECT_EQ(found->count, i + 1);
  }
}

TEST(EndTable, AFullTableCountsWhatFindsNoRoom) {
  auto table = std::make_unique<EndTable>();
  std::size_t added = 0;
  for (std::size_t cause = 0; cause < kCauseCount; ++cause) {
    for (std::size_t phase = 0; phase < 6; ++phase, ++added) {
      table->add({Role::server, Purpose::traffic, EndedBy::local, How::rst,
                  static_cast<Phase>(phase), static_cast<Cause>(cause)});
    }
  }
  ASSERT_GT(added, EndTable::kCells);
  EXPECT_EQ(table->rows().size(), EndTable::kCells);
  EXPECT_EQ(table->overflowed(), added - EndTable::kCells);
}

TEST(EndTable, AMadeCellWithoutACountIsNoRow) {
  EndTable table;
  Count& cell = table.cell({});
  EXPECT_TRUE(table.rows().empty());
  cell.add(3);
  ASSERT_EQ(table.rows().size(), 1U);
  EXPECT_EQ(table.rows()[0].count, 3U);
  EXPECT_EQ(&table.cell({}), &cell);
}

TEST(EndTable, AnotherThreadSeesOnlyWholeRowsThatGrow) {
  EndTable table;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::size_t i = 0; i < 20'000; ++i) {
      table.add({Role::server, Purpose::traffic, EndedBy::peer, How::fin,
                 static_cast<Phase>(i % kPhaseCount), static_cast<Cause>(i % 11)});
    }
    done = true;
  });
  std::uint64_t before = 0;
  while (!done) {
    std::uint64_t sum = 0;
    for (const auto& row : table.rows()) {
      EXPECT_EQ(row.key.how, How::fin);
      EXPECT_LT(static_cast<std::size_t>(row.key.cause), 11U);
      sum += row.count;
    }
    EXPECT_GE(sum, before);
    before = sum;
    std::this_thread::yield();
  }
  writer.join();
  std::uint64_t sum = 0;
  for (const auto& row : table.rows()) sum += row.count;
  EXPECT_EQ(sum, 20'000U);
}

TEST(Counters, ResponsesCountByClassAndIgnoreNoStatus) {
  auto counters = std::make_unique<Counters>();
  for (const unsigned status : {0U, 99U, 100U, 200U, 204U, 302U, 404U, 599U, 600U}) {
    counters->response(status);
  }
  const std::uint64_t expected[] = {1, 2, 1, 1, 1};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(counters->responses[i].get(), expected[i]);
}

}  // namespace
}  // namespace finack::record
