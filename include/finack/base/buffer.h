#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace finack {

class BufferPool;

/// One block of a pool. Handed around only inside a Buffer.
struct BufferBlock {
  BufferPool* pool;
  char* data;
  std::uint32_t capacity;
  std::uint32_t index;  ///< Number in the pool, over all slabs; io_uring's buffer id.
  BufferBlock* next;    ///< Free-list link while the block is not leased.
};

/// A lease of one block: the bytes [begin, end) of it are valid. Move-only; the destructor gives
/// the block back. Belongs to the loop thread whose pool it came from.
class Buffer {
 public:
  Buffer() = default;
  Buffer(BufferBlock* block, std::uint32_t size) : block_(block), begin_(0), end_(size) {}
  Buffer(Buffer&& o) noexcept
      : block_(std::exchange(o.block_, nullptr)), begin_(o.begin_), end_(o.end_) {}
  Buffer& operator=(Buffer&& o) noexcept {
    if (this != &o) {
      release();
      block_ = std::exchange(o.block_, nullptr);
      begin_ = o.begin_;
      end_ = o.end_;
    }
    return *this;
  }
  ~Buffer() {
    if (block_ != nullptr) give_back();
  }

  explicit operator bool() const { return block_ != nullptr; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::string_view view() const {
    return block_ ? std::string_view(block_->data + begin_, size()) : std::string_view();
  }
  char* data() { return block_->data + begin_; }
  /// Room behind the valid bytes.
  std::span<char> space() {
    return block_ ? std::span<char>(block_->data + end_, block_->capacity - end_)
                  : std::span<char>();
  }
  /// Whether it may be held until a peer takes it: it fills half of its block, and the pool has as
  /// many blocks left as it has leased.
  inline bool may_be_held() const;
  void consume(std::size_t n) { begin_ += static_cast<std::uint32_t>(n); }
  void grow(std::size_t n) { end_ += static_cast<std::uint32_t>(n); }
  /// Empty again, with all of the block's room.
  void rewind() { begin_ = end_ = 0; }
  inline void release();

 private:
  void give_back();

  BufferBlock* block_ = nullptr;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
};

/// Blocks of one size for one loop thread. take() reuses the block given back last (warm in cache)
/// and grows slab-wise up to `max_blocks`; past that it returns an empty Buffer.
class BufferPool {
 public:
  /// `block_size` in bytes; `max_blocks` bounds the memory that peers can make us hold.
  BufferPool(std::uint32_t block_size, std::uint32_t max_blocks);
  virtual ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  Buffer take() {
    BufferBlock* block = take_block();
    return block == nullptr ? Buffer() : Buffer(block, 0);
  }
  /// As take, for code that fills a block before it makes a Buffer of it, or gives it back; nullptr
  /// past the bound.
  BufferBlock* take_block() {
    BufferBlock* block = free_;
    if (block == nullptr && (block = grow()) == nullptr) return nullptr;
    free_ = block->next;
    ++leased_;
    return block;
  }
  void give_back(BufferBlock* block) {
    --leased_;
    if (provides_) return provide(*block);
    block->next = free_;
    free_ = block;
  }
  std::uint32_t block_size() const { return block_size_; }
  std::uint32_t leased() const { return leased_; }
  std::uint32_t max_blocks() const { return max_blocks_; }
  /// Blocks made so far, leased or not.
  std::uint32_t blocks() const { return blocks_; }

 protected:
  /// For pools whose free blocks lie with somebody else (io_uring's buffer ring) rather than in the
  /// free list: take() finds none there, lease() hands out by index, provide() gets them back.
  struct Provided {};
  BufferPool(std::uint32_t block_size, std::uint32_t max_blocks, Provided);
  virtual void provide(BufferBlock& block);
  /// Makes another slab and gives its blocks to provide(); 0 when the bound is reached.
  std::uint32_t provide_slab();
  Buffer lease(std::uint32_t index, std::uint32_t size);

 private:
  BufferBlock* grow();

  BufferBlock* free_ = nullptr;
  std::uint32_t block_size_;
  std::uint32_t max_blocks_;
  std::uint32_t blocks_ = 0;
  std::uint32_t leased_ = 0;
  bool provides_ = false;
  std::vector<std::unique_ptr<char[]>> slabs_;
  std::vector<std::unique_ptr<BufferBlock[]>> headers_;
};

inline void Buffer::give_back() {
  BufferBlock* block = std::exchange(block_, nullptr);
  block->pool->give_back(block);
}

inline bool Buffer::may_be_held() const {
  return block_ != nullptr && 2 * size() >= block_->capacity &&
         2 * std::uint64_t{block_->pool->leased()} <= block_->pool->max_blocks();
}

[[gnu::always_inline]] inline void Buffer::release() {
  if (block_ != nullptr) give_back();
  begin_ = end_ = 0;
}

}  // namespace finack
