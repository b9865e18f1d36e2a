#include "finack/base/buffer.h"

#include <algorithm>

namespace finack {

namespace {
constexpr std::uint32_t kBlocksPerSlab = 64;
}

BufferPool::BufferPool(std::uint32_t block_size, std::uint32_t max_blocks)
    : block_size_(block_size), max_blocks_(max_blocks) {}

BufferPool::BufferPool(std::uint32_t block_size, std::uint32_t max_blocks, Provided)
    : block_size_(block_size), max_blocks_(max_blocks), provides_(true) {}

BufferPool::~BufferPool() = default;

void BufferPool::provide(BufferBlock& block) {
  block.next = free_;
  free_ = &block;
}

std::uint32_t BufferPool::provide_slab() {
  if (grow() == nullptr) return 0;
  std::uint32_t count = 0;
  for (BufferBlock* block = std::exchange(free_, nullptr); block != nullptr; ++count) {
    provide(*std::exchange(block, block->next));
  }
  return count;
}

Buffer BufferPool::lease(std::uint32_t index, std::uint32_t size) {
  ++leased_;
  return Buffer(&headers_[index / kBlocksPerSlab][index % kBlocksPerSlab], size);
}

BufferBlock* BufferPool::grow() {
  const std::uint32_t count = std::min(kBlocksPerSlab, max_blocks_ - blocks_);
  if (count == 0) return nullptr;
  slabs_.push_back(std::make_unique_for_overwrite<char[]>(std::size_t{block_size_} * count));
  headers_.push_back(std::make_unique<BufferBlock[]>(count));
  char* data = slabs_.back().get();
  BufferBlock* blocks = headers_.back().get();
  for (std::uint32_t i = count; i-- > 0;) {
    BufferBlock& block = blocks[i];
    block = {this, data + std::size_t{block_size_} * i, block_size_, blocks_ + i, free_};
    free_ = &block;
  }
  blocks_ += count;
  return free_;
}

}  // namespace finack
