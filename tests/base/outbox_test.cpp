#include "base/outbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace finack {
namespace {

constexpr std::uint32_t kBlock = 256;

class OutboxTest : public ::testing::Test {
 protected:
  std::string gathered(std::size_t most = 8) const {
    std::array<iovec, 8> parts;
    const std::size_t n = outbox.gather({parts.data(), most});
    std::string bytes;
    for (std::size_t i = 0; i < n; ++i)
      bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    return bytes;
  }
  void put(std::string_view bytes) {
    std::memcpy(outbox.reserve(bytes.size()), bytes.data(), bytes.size());
    outbox.commit(bytes.size());
  }
  static Fd null_file() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  BufferPool pool{kBlock, 8};
  Outbox outbox{pool};
};

TEST_F(OutboxTest, takes_buffers_over_between_what_it_copied) {
  put("head ");
  Buffer buffer = pool.take();
  std::memcpy(buffer.space().data(), "body ", 5);
  buffer.grow(5);
  const char* const where = buffer.data();
  outbox.append_buffer(std::move(buffer));
  outbox.append("tail");
  EXPECT_EQ(gathered(), "head body tail");
  std::array<iovec, 2> parts;
  ASSERT_EQ(outbox.gather(parts), 2U);
  EXPECT_EQ(parts[1].iov_base, where);
  outbox.sent(7);
  EXPECT_EQ(gathered(), "dy tail");
  outbox.sent(7);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(pool.leased(), 1U) << "its own";
}

TEST_F(OutboxTest, is_empty_at_first) {
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(gathered(), "");
  EXPECT_EQ(outbox.queued(), 0U);
  outbox.drop();
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, small_pieces_share_a_block) {
  put("HTTP/1.1 200 OK\r\n");
  outbox.append("Date: x\r\n");
  put("\r\n");
  EXPECT_EQ(gathered(1), "HTTP/1.1 200 OK\r\nDate: x\r\n\r\n");
  EXPECT_EQ(pool.leased(), 1U);
}

TEST_F(OutboxTest, counts_what_is_queued_sent_and_waiting) {
  outbox.append("0123456789");
  outbox.sent(4);
  EXPECT_EQ(outbox.queued(), 10U);
  EXPECT_EQ(outbox.sent(), 4U);
  EXPECT_EQ(outbox.bytes(), 6U);
  EXPECT_EQ(gathered(), "456789");
  outbox.sent(6);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.queued(), 10U);
  EXPECT_LE(pool.leased(), 1U);
}

TEST_F(OutboxTest, partial_sends_go_across_parts) {
  const std::string big(kBlock * 2 + 50, 'b');
  outbox.append("head ");
  outbox.append_owned(std::string(100, 'o'));
  outbox.append(big);
  std::string expected = "head " + std::string(100, 'o') + big;
  for (const std::size_t step : {3UL, 2UL, 50UL, 55UL, 300UL, 1UL}) {
    EXPECT_EQ(gathered(), expected);
    outbox.sent(step);
    expected.erase(0, step);
    EXPECT_EQ(outbox.bytes(), expected.size());
  }
  EXPECT_EQ(gathered(), expected);
  outbox.sent(expected.size());
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, gathers_no_more_parts_than_asked_for) {
  for (int i = 0; i < 5; ++i) outbox.append_owned(std::string(70, static_cast<char>('a' + i)));
  EXPECT_EQ(gathered(2), std::string(70, 'a') + std::string(70, 'b'));
  EXPECT_EQ(gathered(8).size(), 350U);
}

/// A send may be under way while more is queued.
TEST_F(OutboxTest, memory_stays_put_while_more_is_queued) {
  outbox.append_owned("short");
  outbox.append_owned(std::string(5'000, 'L'));
  outbox.append("in a block");
  std::array<iovec, 8> parts;
  const std::size_t n = outbox.gather(parts);
  ASSERT_EQ(n, 3U);
  for (int i = 0; i < 200; ++i) outbox.append_owned(std::string(80, 'm'));
  EXPECT_EQ(std::string_view(static_cast<char*>(parts[0].iov_base), parts[0].iov_len), "short");
  EXPECT_EQ(static_cast<char*>(parts[1].iov_base)[4'999], 'L');
  EXPECT_EQ(std::string_view(static_cast<char*>(parts[2].iov_base), parts[2].iov_len),
            "in a block");
  std::array<iovec, 8> again;
  ASSERT_EQ(outbox.gather(again), 8U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(parts[i].iov_base, again[i].iov_base);
}

TEST_F(OutboxTest, a_file_waits_for_what_comes_before_it_and_stops_what_comes_after) {
  outbox.append("head");
  Fd file = null_file();
  const int number = file.get();
  outbox.append_file(std::move(file), 100, 1'000);
  outbox.append("tail");
  EXPECT_EQ(outbox.bytes(), 1'008U);
  EXPECT_EQ(gathered(), "head");
  outbox.sent(4);
  EXPECT_EQ(gathered(), "");
  Outbox::FilePart part = outbox.file_part();
  EXPECT_EQ(part.file, number);
  EXPECT_EQ(part.offset, 100U);
  EXPECT_EQ(part.bytes, 1'000U);
  outbox.sent(300);
  part = outbox.file_part();
  EXPECT_EQ(part.offset, 400U);
  EXPECT_EQ(part.bytes, 700U);
  outbox.sent(700);
  EXPECT_EQ(gathered(), "tail");
  EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "the file is closed with its last byte";
}

TEST_F(OutboxTest, nothing_is_queued_for_empty_parts) {
  outbox.append("");
  outbox.append_owned("");
  outbox.append_file(null_file(), 0, 0);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(gathered(), "");
}

TEST_F(OutboxTest, drop_forgets_what_was_not_sent) {
  outbox.append("0123456789");
  outbox.append_file(null_file(), 0, 100);
  outbox.sent(4);
  outbox.drop();
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.sent(), 4U);
  EXPECT_EQ(outbox.queued(), 4U);
  outbox.reset();
  EXPECT_EQ(pool.leased(), 1U);  // kept, warm, for the next connection
  outbox.shed();
  EXPECT_EQ(pool.leased(), 0U);
}

TEST_F(OutboxTest, the_heap_serves_what_is_larger_than_a_block) {
  const std::string head(kBlock + 100, 'h');
  put(head);
  outbox.append("body");
  EXPECT_EQ(gathered(), head + "body");
}

TEST_F(OutboxTest, the_heap_serves_when_the_pool_is_exhausted) {
  std::vector<Buffer> all;
  while (Buffer buffer = pool.take()) all.push_back(std::move(buffer));
  put("head");
  outbox.append("body");
  put("more");
  EXPECT_EQ(gathered(), "headbodymore");
  outbox.reset();
  EXPECT_EQ(outbox.queued(), 0U);
}

TEST_F(OutboxTest, a_reservation_may_be_committed_smaller) {
  char* room = outbox.reserve(kBlock + 1);
  std::memcpy(room, "abc", 3);
  outbox.commit(3);
  EXPECT_EQ(gathered(), "abc");
}

}  // namespace
}  // namespace finack
