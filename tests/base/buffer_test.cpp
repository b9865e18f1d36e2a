#include "finack/base/buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace finack {
namespace {

TEST(Buffer, IsALeaseThatComesBack) {
  BufferPool pool(64, 4);
  {
    Buffer buffer = pool.take();
    ASSERT_TRUE(buffer);
    EXPECT_EQ(pool.leased(), 1u);
    EXPECT_EQ(buffer.space().size(), 64u);
    Buffer moved = std::move(buffer);
    EXPECT_FALSE(buffer);
    EXPECT_TRUE(moved);
    EXPECT_EQ(pool.leased(), 1u);
  }
  EXPECT_EQ(pool.leased(), 0u);
}

TEST(Buffer, ConsumesAndGrows) {
  BufferPool pool(16, 1);
  Buffer buffer = pool.take();
  std::memcpy(buffer.space().data(), "hello world", 11);
  buffer.grow(11);
  EXPECT_EQ(buffer.view(), "hello world");
  buffer.consume(6);
  EXPECT_EQ(buffer.view(), "world");
  EXPECT_EQ(buffer.space().size(), 5u);
  buffer.consume(5);
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(buffer);
}

TEST(Buffer, MoveAssignmentGivesTheOldBlockBack) {
  BufferPool pool(16, 2);
  Buffer a = pool.take();
  Buffer b = pool.take();
  a = std::move(b);
  EXPECT_EQ(pool.leased(), 1u);
  a = Buffer();
  EXPECT_EQ(pool.leased(), 0u);
  EXPECT_EQ(Buffer().view(), "");
  EXPECT_TRUE(Buffer().space().empty());
}

TEST(BufferPool, IsBoundedAndReusesTheLastFirst) {
  BufferPool pool(32, 100);
  std::vector<Buffer> all;
  for (Buffer buffer; (buffer = pool.take());) all.push_back(std::move(buffer));
  EXPECT_EQ(all.size(), 100u);
  EXPECT_EQ(pool.leased(), pool.max_blocks());
  const char* last = all.back().data();
  all.pop_back();
  EXPECT_EQ(pool.take().data(), last);
}

/// A pool whose free blocks lie in a queue of its own, as io_uring's do.
class QueuePool final : public BufferPool {
 public:
  explicit QueuePool(std::uint32_t max_blocks) : BufferPool(32, max_blocks, Provided()) {}
  using BufferPool::lease;
  using BufferPool::provide_slab;
  std::vector<std::uint32_t> queue;

 private:
  void provide(BufferBlock& block) override { queue.push_back(block.index); }
};

TEST(BufferPool, ProvidedBlocksGoBackToTheirKeeper) {
  QueuePool pool(70);
  EXPECT_EQ(pool.provide_slab(), 64u);
  EXPECT_EQ(pool.provide_slab(), 6u);
  EXPECT_EQ(pool.provide_slab(), 0u);
  EXPECT_EQ(pool.queue.size(), 70u);
  EXPECT_FALSE(pool.take());
  pool.queue.clear();
  {
    Buffer one = pool.lease(69, 5);
    EXPECT_EQ(one.size(), 5u);
    EXPECT_EQ(pool.leased(), 1u);
  }
  EXPECT_EQ(pool.queue, std::vector<std::uint32_t>{69});
  EXPECT_EQ(pool.leased(), 0u);
}

}  // namespace
}  // namespace finack
