#include "net/loopback.h"

#include "net/conformance.h"

namespace finack::net::testing {
namespace {

using Log = std::vector<std::string>;

SendResult send(ByteStream& stream, std::string_view bytes) {
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return stream.send({&part, 1}, false);
}

class LoopbackTest : public ::testing::Test {
 protected:
  ~LoopbackTest() override {
    stream.close();
    stream.pump();
  }
  BufferPool pool{1024, 64};
  Recorder seen;
  LoopbackStream stream{pool};
};

TEST_F(LoopbackTest, DeliversOnlyWhenPumped) {
  stream.start(seen);
  stream.peer_sends("hello");
  EXPECT_TRUE(seen.log.empty());
  EXPECT_TRUE(stream.pump());
  EXPECT_EQ(seen.bytes, "hello");
  EXPECT_FALSE(stream.pump());
}

TEST_F(LoopbackTest, BytesAndRstComeInOneWakeUp) {
  stream.start(seen);
  stream.peer_sends("GET");
  stream.peer_reset();
  stream.pump();
  EXPECT_EQ(seen.log, (Log{"bytes", "rst"}));
  EXPECT_EQ(send(stream, "x").kind, SendResult::Kind::failed);
}

TEST_F(LoopbackTest, EndsComeAtMostTwice) {
  stream.start(seen);
  stream.peer_fin();
  stream.peer_fin();
  stream.peer_ends({EndKind::timed_out, ETIMEDOUT});
  stream.peer_reset();
  stream.pump();
  EXPECT_EQ(seen.log, (Log{"fin", "timed_out"}));
}

TEST_F(LoopbackTest, AFailedSendIsNotReportedAgain) {
  stream.start(seen);
  stream.peer_reset();
  EXPECT_EQ(send(stream, "x").kind, SendResult::Kind::failed);
  stream.pump();
  EXPECT_TRUE(seen.ends.empty());
}

TEST_F(LoopbackTest, TheWindowLimitsSends) {
  stream.start(seen);
  stream.set_window(4);
  EXPECT_EQ(send(stream, "abcdef").bytes, 4u);
  stream.pump();
  EXPECT_EQ(seen.writable, 0);
  stream.set_window(LoopbackStream::kNoLimit);
  EXPECT_EQ(seen.writable, 0);
  stream.pump();
  EXPECT_EQ(seen.writable, 1);
  EXPECT_EQ(send(stream, "ef").bytes, 2u);
  EXPECT_EQ(stream.take_sent(), "abcdef");
}

TEST_F(LoopbackTest, PendingSendsCompleteLaterAndTheFinAfterThem) {
  stream.start(seen);
  stream.set_sends_pending(true);
  EXPECT_EQ(send(stream, "abc").kind, SendResult::Kind::pending);
  stream.shutdown_write();
  EXPECT_FALSE(stream.write_shut());
  stream.pump();
  ASSERT_EQ(seen.sent.size(), 1u);
  EXPECT_EQ(seen.sent[0].bytes, 3u);
  EXPECT_TRUE(stream.write_shut());
}

TEST_F(LoopbackTest, PausedItStillTellsTheEnd) {
  stream.start(seen);
  stream.pause_reading();
  stream.peer_sends("later");
  stream.peer_fin();
  stream.pump();
  EXPECT_EQ(seen.log, Log{"fin"});
  EXPECT_EQ(stream.unread(), 5u);
  stream.resume_reading();
  stream.pump();
  EXPECT_EQ(seen.bytes, "later");
}

TEST_F(LoopbackTest, CloseAndResetAreRecorded) {
  stream.start(seen);
  stream.set_unacknowledged(7);
  EXPECT_EQ(stream.unacknowledged(), 7u);
  stream.reset();
  EXPECT_TRUE(stream.reset_called());
  EXPECT_FALSE(seen.closed);
  stream.pump();
  EXPECT_TRUE(seen.closed);
}

TEST(LoopbackPair, WhatOneSendsTheOtherReceivesFromTheLoop) {
  auto loop = Loop::create({.backend = Backend::epoll});
  ASSERT_TRUE(loop);
  LoopbackStream a(**loop), b(**loop);
  LoopbackStream::join(a, b);
  Recorder at_a, at_b;
  a.start(at_a);
  b.start(at_b);
  send(a, "to b");
  a.shutdown_write();
  send(b, "to a");
  EXPECT_TRUE(at_b.log.empty());
  (*loop)->run_once(0ms);
  EXPECT_EQ(at_b.bytes, "to b");
  EXPECT_EQ(at_b.log, (Log{"bytes", "fin"}));
  EXPECT_EQ(at_a.bytes, "to a");
  b.reset();
  (*loop)->run_once(0ms);
  EXPECT_EQ(at_a.last_end().kind, EndKind::rst);
  a.close();
  (*loop)->run_once(0ms);
  EXPECT_TRUE(at_a.closed && at_b.closed);
}

}  // namespace
}  // namespace finack::net::testing
