#pragma once
#include <liburing.h>

#include <cstdlib>
#include <memory>

#include "finack/base/buffer.h"

namespace finack::net {

/// The buffers that io_uring receives into: what is not leased lies in the kernel's ring.
class RingPool final : public BufferPool {
 public:
  static constexpr int kGroup = 0;

  RingPool(std::uint32_t block_size, std::uint32_t max_blocks);
  ~RingPool() override;

  /// Hands the ring to the kernel; 0 or -errno.
  int attach(io_uring& ring);
  /// The buffer the kernel filled with `size` bytes. Grows the pool before it runs dry.
  Buffer received(std::uint32_t index, std::uint32_t size) {
    Buffer chunk = lease(index, size);
    if (available() < kReserve) provide_slab();
    return chunk;
  }
  /// Buffers that lie in the ring.
  std::uint32_t available() const { return blocks() - leased(); }
  /// More buffers after ENOBUFS; 0 when the bound is reached.
  std::uint32_t make_more() { return provide_slab(); }

 private:
  static constexpr std::uint32_t kReserve = 16;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  void provide(BufferBlock& block) override;

  std::uint32_t entries_;
  std::unique_ptr<io_uring_buf_ring, Free> ring_;
};

}  // namespace finack::net
