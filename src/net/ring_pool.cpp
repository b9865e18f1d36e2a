#include "net/ring_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace finack::net {

namespace {
constexpr std::uint32_t kMaxEntries = 32768;  // the kernel's
constexpr std::size_t kPage = 4096;

std::uint32_t entries_for(std::uint32_t blocks) {
  return std::bit_ceil(std::clamp(blocks, 1u, kMaxEntries));
}
}  // namespace

RingPool::RingPool(std::uint32_t block_size, std::uint32_t max_blocks)
    : BufferPool(block_size, std::min(max_blocks, kMaxEntries), Provided()),
      entries_(entries_for(max_blocks)) {
  const std::size_t bytes = (entries_ * sizeof(io_uring_buf) + kPage - 1) / kPage * kPage;
  void* memory = std::aligned_alloc(kPage, bytes);
  std::memset(memory, 0, bytes);
  ring_.reset(static_cast<io_uring_buf_ring*>(memory));
}

RingPool::~RingPool() = default;

int RingPool::attach(io_uring& ring) {
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_.get());
  registration.ring_entries = entries_;
  registration.bgid = kGroup;
  const int result = io_uring_register_buf_ring(&ring, &registration, 0);
  if (result == 0) provide_slab();
  return result;
}

void RingPool::provide(BufferBlock& block) {
  io_uring_buf_ring_add(ring_.get(), block.data, block.capacity,
                        static_cast<unsigned short>(block.index), io_uring_buf_ring_mask(entries_),
                        0);
  io_uring_buf_ring_advance(ring_.get(), 1);
}

}  // namespace finack::net
