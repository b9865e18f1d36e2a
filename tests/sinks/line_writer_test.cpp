#include "finack/sinks/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "sinks/samples.h"

namespace finack::sinks {
namespace {

using test::file_text;
using test::lines_of;

class LineWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/finack-lines-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/records.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  LineWriter writer(LineWriter::Trouble trouble = {}) {
    return LineWriter(LineWriter::open_file(path_).value(), path_, std::move(trouble),
                      [](std::string& out, std::uint64_t count) {
                        out += "lost " + std::to_string(count) + "\n";
                      });
  }
  static void add(LineWriter& writer, std::string_view line) {
    writer.buffer() += line;
    writer.buffer() += '\n';
    writer.line_done();
  }

  std::string folder_;
  std::string path_;
};

/// The disk is full after `bytes` more bytes in any file: the kernel takes what fits, then refuses.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : before_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit small{.rlim_cur = bytes, .rlim_max = limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    ::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit limit_{};
  void (*before_)(int);
};

TEST_F(LineWriterTest, WritesOnFlushAndAppends) {
  {
    LineWriter w = writer();
    add(w, "one");
    EXPECT_EQ(file_text(path_), "");
    w.flush();
    EXPECT_EQ(file_text(path_), "one\n");
    add(w, "two");
  }
  EXPECT_EQ(file_text(path_), "one\ntwo\n");
  {
    LineWriter w = writer();
    add(w, "three");
    w.flush();
    EXPECT_EQ(w.written(), 1u);
    EXPECT_EQ(w.dropped(), 0u);
  }
  EXPECT_EQ(file_text(path_), "one\ntwo\nthree\n");
}

TEST_F(LineWriterTest, WritesByItselfWhenMuchHasGathered) {
  LineWriter w = writer();
  const std::string line(1023, 'x');
  for (int i = 0; i < 64; ++i) add(w, line);
  EXPECT_EQ(file_text(path_).size(), 64u * 1024);
}

TEST_F(LineWriterTest, DevFullCountsEveryLine) {
  std::vector<std::string> told;
  LineWriter w(LineWriter::open_file("/dev/full").value(), "/dev/full",
               [&](std::string_view text) { told.emplace_back(text); });
  for (int i = 0; i < 5; ++i) add(w, "line");
  w.flush();
  add(w, "line");
  w.flush();
  EXPECT_EQ(w.dropped(), 6u);
  EXPECT_EQ(w.written(), 0u);
  ASSERT_EQ(told.size(), 1u) << "told once, not at every failure";
  EXPECT_NE(told[0].find("No space left"), std::string::npos) << told[0];
}

TEST_F(LineWriterTest, AFullDiskLeavesNoBrokenLineAndIsReportedWhenItHasRoomAgain) {
  std::vector<std::string> told;
  LineWriter w = writer([&](std::string_view text) { told.emplace_back(text); });
  add(w, "first");
  w.flush();
  {
    const FullDisk full(16);
    add(w, "second");  // "first\n" and "second\n" are 13 bytes,
    add(w, "third");   // of this line three fit,
    add(w, "fourth");  // these do not.
    add(w, "fifth");
    w.flush();
    EXPECT_EQ(file_text(path_), "first\nsecond\nthi");
    EXPECT_EQ(w.dropped(), 2u);
    add(w, "sixth");
    w.flush();
    EXPECT_EQ(file_text(path_), "first\nsecond\nthi");
    EXPECT_EQ(w.dropped(), 3u);
  }
  add(w, "seventh");
  w.flush();
  EXPECT_EQ(file_text(path_), "first\nsecond\nthird\nseventh\nlost 3\n");
  EXPECT_EQ(w.dropped(), 3u);
  EXPECT_EQ(w.written(), 5u);
  w.flush();
  EXPECT_EQ(lines_of(file_text(path_)).size(), 5u) << "a loss is reported once";
  ASSERT_EQ(told.size(), 2u);
  EXPECT_NE(told[1].find("can be written again; 3 lines"), std::string::npos) << told[1];
}

TEST_F(LineWriterTest, AReportThatIsCutIsFinishedToo) {
  LineWriter w = writer();
  {
    const FullDisk full(4);
    add(w, "abc");
    add(w, "lost");
    w.flush();
    EXPECT_EQ(file_text(path_), "abc\n");
  }
  {
    const FullDisk full(6);
    w.flush();
    EXPECT_EQ(file_text(path_), "abc\nlo");
  }
  add(w, "def");
  w.flush();
  EXPECT_EQ(file_text(path_), "abc\nlost 1\ndef\n");
  EXPECT_EQ(w.dropped(), 1u);
}

TEST_F(LineWriterTest, LossesElsewhereAreReportedWithOurOwn) {
  LineWriter w = writer();
  w.report_lost(40);
  w.report_lost(2);
  w.flush();
  EXPECT_EQ(file_text(path_), "lost 42\n");
  EXPECT_EQ(w.dropped(), 0u);
}

TEST_F(LineWriterTest, ReopensAfterARename) {
  LineWriter w = writer();
  add(w, "old");
  w.flush();
  std::filesystem::rename(path_, path_ + ".1");
  add(w, "between");
  w.flush();
  ASSERT_TRUE(w.reopen());
  add(w, "new");
  w.flush();
  EXPECT_EQ(file_text(path_ + ".1"), "old\nbetween\n");
  EXPECT_EQ(file_text(path_), "new\n");
}

TEST_F(LineWriterTest, AFailedReopenKeepsTheOldFile) {
  LineWriter w = writer();
  add(w, "old");
  w.flush();
  std::filesystem::rename(path_, folder_ + "/kept");
  std::filesystem::create_directory(path_);
  const auto reopened = w.reopen();
  ASSERT_FALSE(reopened);
  EXPECT_NE(reopened.error().what.find(path_), std::string::npos);
  add(w, "goes on");
  w.flush();
  EXPECT_EQ(file_text(folder_ + "/kept"), "old\ngoes on\n");
}

TEST_F(LineWriterTest, AHalfLineOfAKilledProcessIsEnded) {
  std::ofstream(path_) << "whole\nhal";
  LineWriter w = writer();
  EXPECT_EQ(file_text(path_), "whole\nhal") << "nothing to write, nothing to end";
  add(w, "next");
  w.flush();
  EXPECT_EQ(file_text(path_), "whole\nhal\nnext\n");
  EXPECT_EQ(w.written(), 1u);
}

TEST_F(LineWriterTest, OpenNamesThePath) {
  const auto fd = LineWriter::open_file(folder_ + "/absent/records");
  ASSERT_FALSE(fd);
  EXPECT_NE(fd.error().what.find("absent/records"), std::string::npos);
}

}  // namespace
}  // namespace finack::sinks
