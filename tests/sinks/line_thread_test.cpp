#include "sinks/line_thread.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "sinks/log.h"
#include "sinks/pipes.h"
#include "sinks/samples.h"

namespace finack::sinks {
namespace {

using namespace std::chrono_literals;
using test::FullPipe;
using test::kPatience;
using test::lines_of;

void append_lost(std::string& out, std::uint64_t count) {
  out += "lost " + std::to_string(count) + "\n";
}

LineThread::Options with_lane(std::size_t bytes) {
  return {.lane_bytes = bytes, .trouble = {}, .report = append_lost};
}

void add(QueuedLines& lines, std::string_view text) {
  lines.buffer() += text;
  lines.buffer() += '\n';
  lines.line_done();
}

TEST(LineLane, WrapsDropsAndTakesWholeLines) {
  LineLane lane(16);
  std::string out;
  for (int round = 0; round < 40; ++round) {
    EXPECT_TRUE(lane.try_push("abcd", "\n"));
    EXPECT_TRUE(lane.try_push("efg\n"));
    EXPECT_FALSE(lane.try_push("12345678", "\n")) << "9 bytes of line, 7 of room";
    out.clear();
    EXPECT_EQ(lane.take_lost(), 0u);
    EXPECT_EQ(lane.take(out, 6, lane.pushed()), 5u) << "the cut line stays for later";
    EXPECT_EQ(out, "abcd\n");
    EXPECT_EQ(lane.take(out, 100, lane.pushed() - 4), 0u) << "nothing behind the position";
    EXPECT_EQ(lane.take(out, 1, lane.pushed()), 4u) << "a line that is longer than asked";
    EXPECT_EQ(out, "abcd\nefg\n");
    EXPECT_EQ(lane.take_lost(), 1u) << "once what was before it is taken";
    EXPECT_EQ(lane.take_lost(), 0u);
  }
  EXPECT_EQ(lane.dropped(), 40u);
}

TEST(LineLane, BeginsAgainAtItsFrontWheneverItIsEmpty) {
  LineLane lane(1024 * 1024);
  const std::string line = std::string(9999, 'x') + "\n";
  std::string out;
  std::uint64_t jumps = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t before = lane.pushed();
    ASSERT_TRUE(lane.try_push(line));
    jumps += lane.pushed() - before == line.size() ? 0 : 1;
    EXPECT_LT((lane.pushed() - 1) % lane.capacity(), 256u * 1024 + line.size());
    EXPECT_FALSE(lane.quarter_full());
    out.clear();
    ASSERT_EQ(lane.take(out, 1 << 20, lane.pushed()), line.size());
    ASSERT_EQ(out, line);
  }
  EXPECT_GT(jumps, 30u);
  while (lane.try_push(line)) {
  }
  out.clear();
  std::size_t all = 0;
  while (const std::size_t size = lane.take(out, 64 * 1024, lane.pushed())) all += size;
  EXPECT_EQ(all, lane.capacity() / line.size() * line.size()) << "full is full, wherever it began";
}

TEST(LineThread, AStuckPipeHoldsUpNobodyAndTheLossIsToldWhenItMoves) {
  FullPipe pipe;
  QueuedLines lines(pipe.writer(), "", with_lane(1024));
  for (int i = 0; i < 1000; ++i) {
    add(lines, "line " + std::to_string(i));
    lines.flush();
  }
  EXPECT_FALSE(lines.thread().settle(1ms)) << "nobody has read";
  const std::uint64_t dropped = lines.thread().dropped();
  EXPECT_GT(dropped, 700u);
  EXPECT_EQ(lines.thread().written(), 0u);
  pipe.start_reading();
  ASSERT_TRUE(lines.thread().settle(kPatience));
  EXPECT_EQ(lines.thread().dropped(), dropped) << "what had room is written";
  EXPECT_GE(lines.thread().written(), 1000 - dropped + 1) << "and the line that tells";
  EXPECT_EQ(test::sum_between(pipe.text(), "\nlost ", "\n"), dropped);
  EXPECT_TRUE(lines_of(pipe.text()).back().starts_with("lost ")) << "behind the lines before it";
}

TEST(LineThread, AClosedPipeIsCountedAsBefore) {
  FullPipe pipe;
  std::string told;
  LineThread::Options options = with_lane(1024);
  options.trouble = [&](std::string_view text) { told = text; };
  QueuedLines lines(pipe.writer(), "pipe", options);
  add(lines, "one");
  lines.flush();
  pipe.close_reader();
  ASSERT_TRUE(lines.thread().settle(kPatience));
  EXPECT_EQ(lines.thread().dropped(), 1u);
  EXPECT_NE(told.find("Broken pipe"), std::string::npos) << told;
}

TEST(LineThread, RoomIsAskedForAndRung) {
  FullPipe pipe;
  record::Doorbell bell;
  QueuedLines lines(pipe.writer(), "", with_lane(1024));
  lines.thread().attach(&bell);
  int taken = 0;
  while (lines.has_room()) {
    add(lines, "0123456789");
    ++taken;
  }
  EXPECT_GT(taken, 50);
  lines.flush();
  std::uint64_t more = 0;  // The thread stands in its write; its lane fills once more at most.
  for (const Instant until = system_clock().now() + 50ms; system_clock().now() < until;) {
    if (!lines.has_room()) continue;
    add(lines, "0123456789");
    ++more;
  }
  EXPECT_LE(more, 1024u / 11);
  EXPECT_EQ(lines.thread().dropped(), 0u);
  pipe.start_reading();
  while (!lines.has_room()) bell.wait(kPatience);
  lines.flush();
  ASSERT_TRUE(lines.thread().settle(kPatience));
  EXPECT_EQ(lines.thread().written(), static_cast<std::uint64_t>(taken) + more);
  lines.thread().attach(nullptr);
}

TEST(LineThread, ReopensExactlyBehindWhatWasPushed) {
  char name[] = "/tmp/finack-thread-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string path = std::string(name) + "/lines";
  {
    QueuedLines lines(LineWriter::open_file(path).value(), path, with_lane(65536));
    for (int i = 0; i < 1000; ++i) add(lines, "old");
    std::filesystem::rename(path, path + ".1");
    lines.reopen();
    for (int i = 0; i < 1000; ++i) add(lines, "new");
  }
  EXPECT_EQ(lines_of(test::file_text(path + ".1")), std::vector<std::string>(1000, "old"));
  EXPECT_EQ(lines_of(test::file_text(path)), std::vector<std::string>(1000, "new"));
  std::filesystem::remove_all(name);
}

TEST(LineWriter, LinesOfTwoWritersDoNotMixInAPipe) {
  FullPipe pipe;
  pipe.start_reading();
  const auto work = [&](char mark) {
    LineWriter writer(pipe.writer(), "");
    for (int i = 0; i < 300; ++i) {
      for (int k = 0; k < 100; ++k) writer.buffer() += std::string(99, mark) + "\n";
      writer.flush();
    }
  };
  std::thread one([&] { work('a'); });
  std::thread two([&] { work('b'); });
  one.join();
  two.join();
  std::string text = pipe.text();
  text.erase(0, text.find_first_not_of(FullPipe::kFilling));
  std::uint64_t mixed = 0;
  for (const std::string& line : lines_of(text)) {
    mixed += line != std::string(99, 'a') && line != std::string(99, 'b') ? 1 : 0;
  }
  EXPECT_EQ(mixed, 0u);
}

TEST(Log, EachThreadsLinesAreInOrderAndNoneIsLost) {
  test::MemoryFile file;
  constexpr int kEach = 2000;
  {
    Log log(file.duplicate());
    std::vector<std::thread> threads;
    for (const char mark : {'a', 'b', 'c'}) {
      threads.emplace_back([&log, mark] {
        for (int i = 0; i < kEach; ++i) log.write(mark + std::to_string(i));
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(log.settle(kPatience));
    EXPECT_EQ(log.dropped(), 0u);
  }
  std::map<char, int> next;
  for (const std::string& line : lines_of(file.text())) {
    EXPECT_EQ(line.substr(1), std::to_string(next[line[0]]++));
  }
  EXPECT_EQ(next, (std::map<char, int>{{'a', kEach}, {'b', kEach}, {'c', kEach}}));
}

TEST(Log, AFullPipeDropsCountsAndTellsLater) {
  FullPipe pipe;
  Log log(pipe.writer(), 4096);
  const std::string line(99, 'x');
  for (int i = 0; i < 1000; ++i) log.write(line);
  const std::uint64_t dropped = log.dropped();
  EXPECT_GE(dropped, 1000u - 2 * 4096 / 100);
  pipe.start_reading();
  ASSERT_TRUE(log.settle(kPatience));
  EXPECT_EQ(test::sum_between(pipe.text(), "Z ", " lines dropped\n"), dropped);
  log.write("again");
  ASSERT_TRUE(log.settle(kPatience));
  EXPECT_TRUE(pipe.text().ends_with("\nagain\n"));
}

TEST(Log, TwoOfThemOnOneThreadKeepTheirLines) {
  test::MemoryFile files[2];
  {
    Log one(files[0].duplicate());
    Log two(files[1].duplicate());
    for (int i = 0; i < 3; ++i) {
      one.write("one");
      two.write("two");
    }
  }
  EXPECT_EQ(files[0].text(), "one\none\none\n");
  EXPECT_EQ(files[1].text(), "two\ntwo\ntwo\n");
}

}  // namespace
}  // namespace finack::sinks
