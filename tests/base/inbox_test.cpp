#include "base/inbox.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <cstring>
#include <string>
#include <vector>

namespace finack {
namespace {

constexpr std::uint32_t kBlock = 64;

class InboxTest : public ::testing::Test {
 protected:
  Buffer chunk(std::string_view bytes) {
    Buffer buffer = pool.take();
    std::memcpy(buffer.space().data(), bytes.data(), bytes.size());
    buffer.grow(bytes.size());
    return buffer;
  }
  /// What the process has from the heap; 0 where an allocator of its own does not tell.
  static std::size_t allocated() {
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  }
  static std::string all(const Inbox& inbox) {
    std::string bytes;
    inbox.for_each_piece([&](std::string_view piece) { bytes += piece; });
    return bytes;
  }
  static std::string drain(Inbox& inbox) {
    std::string bytes;
    while (!inbox.empty()) {
      const std::string_view front = inbox.front();
      bytes += front;
      inbox.consume(front.size());
    }
    return bytes;
  }

  BufferPool pool{kBlock, 256};
  Inbox inbox;
};

TEST_F(InboxTest, is_empty_at_first) {
  EXPECT_TRUE(inbox.empty());
  EXPECT_TRUE(inbox.front().empty());
  inbox.join();
  inbox.drop_unread();
  EXPECT_EQ(inbox.bytes(), 0U);
}

TEST_F(InboxTest, consumes_across_pieces_in_order) {
  const std::string one(40, 'a'), two(50, 'b'), three(60, 'c');
  for (const std::string& bytes : {one, two, three}) inbox.append(chunk(bytes));
  EXPECT_EQ(inbox.bytes(), 150U);
  inbox.consume(10);
  EXPECT_EQ(inbox.bytes(), 140U);
  EXPECT_EQ(drain(inbox), one.substr(10) + two + three);
  EXPECT_EQ(pool.leased(), 0U);
}

TEST_F(InboxTest, gives_away_a_buffer_that_its_front_fills) {
  inbox.append(chunk(std::string(kBlock, 'a')));
  inbox.append(chunk(std::string(kBlock - 1, 'b')));
  EXPECT_EQ(inbox.take_front().view(), std::string(kBlock, 'a'));
  EXPECT_EQ(inbox.front(), std::string(kBlock - 1, 'b'));
  EXPECT_EQ(inbox.bytes(), kBlock - 1);
  inbox.hold_front();
  EXPECT_FALSE(inbox.take_front()) << "somebody views it";
  inbox.release_held();
  inbox.consume(kBlock / 2);
  EXPECT_FALSE(inbox.take_front()) << "a block for less than half of it";
  EXPECT_EQ(drain(inbox), std::string(kBlock / 2 - 1, 'b'));
}

TEST_F(InboxTest, keeps_its_front_when_buffers_run_short) {
  inbox.append(chunk(std::string(kBlock, 'a')));
  std::vector<Buffer> leased;
  while (2 * pool.leased() <= pool.max_blocks()) leased.push_back(pool.take());
  EXPECT_FALSE(inbox.take_front());
  leased.clear();
  EXPECT_TRUE(inbox.take_front());
}

TEST_F(InboxTest, join_moves_a_small_piece_into_the_room_of_the_first) {
  inbox.append(chunk("GET / HT"));
  inbox.append(chunk("TP/1.1\r\n"));
  inbox.join();
  EXPECT_EQ(inbox.front(), "GET / HTTP/1.1\r\n");
  EXPECT_EQ(inbox.bytes(), 16U);
  EXPECT_LE(pool.leased(), 1U);
}

TEST_F(InboxTest, join_spills_when_a_head_is_larger_than_a_block) {
  const std::string one(kBlock, 'a'), two(kBlock, 'b'), three(10, 'c');
  inbox.append(chunk(one));
  inbox.append(chunk(two));
  inbox.join();
  EXPECT_EQ(inbox.front(), one + two);
  inbox.append(chunk(three));
  EXPECT_EQ(all(inbox), one + two + three);
  inbox.join();
  EXPECT_EQ(inbox.front(), one + two + three);
  EXPECT_EQ(pool.leased(), 0U);
  inbox.consume(kBlock);
  EXPECT_EQ(inbox.front(), two + three);
  EXPECT_EQ(drain(inbox), two + three);
  EXPECT_TRUE(inbox.empty());
}

TEST_F(InboxTest, pieces_after_a_spill_come_after_it) {
  inbox.append(chunk(std::string(kBlock, 'a')));
  inbox.append(chunk(std::string(kBlock, 'b')));
  inbox.join();
  inbox.append(chunk(std::string(20, 'c')));
  inbox.consume(kBlock * 2);
  EXPECT_EQ(inbox.front(), std::string(20, 'c'));
}

TEST_F(InboxTest, held_memory_stays_until_it_is_released) {
  inbox.append(chunk("head-of-one"));
  inbox.append(chunk(std::string(60, 'x')));
  const std::string_view head = inbox.front().substr(0, 11);
  inbox.hold_front();
  inbox.consume(11);
  inbox.consume(60);
  EXPECT_TRUE(inbox.empty());
  EXPECT_GE(pool.leased(), 1U);
  Buffer other = chunk(std::string(kBlock, 'z'));  // would get the block if it had been given back
  EXPECT_EQ(head, "head-of-one");
  inbox.release_held();
  EXPECT_EQ(pool.leased(), 1U);
}

TEST_F(InboxTest, a_held_spill_stays_although_it_is_consumed) {
  const std::string one(kBlock, 'a'), two(kBlock, 'b');
  inbox.append(chunk(one));
  inbox.append(chunk(two));
  inbox.join();
  const std::string_view view = inbox.front();
  inbox.hold_front();
  inbox.consume(view.size());
  inbox.append(chunk("next"));
  EXPECT_EQ(view, one + two);
  EXPECT_EQ(inbox.front(), "next");
  inbox.release_held();
  EXPECT_EQ(inbox.front(), "next");
}

TEST_F(InboxTest, several_heads_in_one_block_are_held_together) {
  inbox.append(chunk("one|two|"));
  const std::string_view one = inbox.front().substr(0, 4);
  inbox.hold_front();
  inbox.consume(4);
  const std::string_view two = inbox.front();
  inbox.hold_front();
  inbox.consume(4);
  Buffer other = chunk(std::string(kBlock, 'z'));
  EXPECT_EQ(one, "one|");
  EXPECT_EQ(two, "two|");
}

TEST_F(InboxTest, drop_unread_keeps_what_is_held) {
  inbox.append(chunk("head body"));
  inbox.append(chunk(std::string(kBlock, 'y')));
  const std::string_view head = inbox.front().substr(0, 4);
  inbox.hold_front();
  inbox.consume(5);
  inbox.drop_unread();
  EXPECT_TRUE(inbox.empty());
  Buffer other = chunk(std::string(kBlock, 'z'));
  EXPECT_EQ(head, "head");
  inbox.clear();
  EXPECT_EQ(pool.leased(), 1U);
}

/// A peer that sends single bytes must not take a block for each.
TEST_F(InboxTest, single_bytes_share_blocks) {
  for (int i = 0; i < 200; ++i) inbox.append(chunk("x"));
  EXPECT_EQ(inbox.bytes(), 200U);
  EXPECT_LE(pool.leased(), 10U);
  EXPECT_EQ(drain(inbox), std::string(200, 'x'));
}

/// A pipelining client that always leaves the beginning of a next head must not make us keep every
/// byte it ever sent.
TEST_F(InboxTest, what_is_consumed_of_a_spill_does_not_pile_up) {
  const std::string piece(kBlock, 'p');
  for (int i = 0; i < 3; ++i) inbox.append(chunk(piece));
  inbox.join();
  const std::size_t before = allocated();
  for (int i = 0; i < 50'000; ++i) {
    inbox.append(chunk(piece));
    inbox.join();
    inbox.hold_front();
    inbox.consume(kBlock);
    inbox.release_held();
  }
  EXPECT_EQ(inbox.bytes(), kBlock * 3);
  EXPECT_EQ(all(inbox), piece + piece + piece);
  EXPECT_LT(allocated(), before + 512 * 1024) << "consumed bytes stay before the unread ones";
}

}  // namespace
}  // namespace finack
