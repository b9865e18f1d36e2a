#pragma once
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace finack {

/// Objects of one type in aligned blocks that never move; freed places are reused, the last one
/// first. Memory comes sixteen blocks at a time, of which only those in use are ever touched: an
/// allocator's header in front of each block would cost a page of its own. One thread. Objects
/// still live when the slab dies are not destroyed: their owner must.
template <class T, std::size_t kBlockBytes = 64 * 1024>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  template <class... Args>
  T* make(Args&&... args) {
    if (free_ == nullptr) grow();
    Place* place = free_;
    free_ = place->next;
    T* object = ::new (static_cast<void*>(place)) T(std::forward<Args>(args)...);
    mark(place, true);
    ++live_;
    return object;
  }
  void destroy(T* object) {
    object->~T();
    auto* place = reinterpret_cast<Place*>(object);
    mark(place, false);
    place->next = free_;
    free_ = place;
    --live_;
  }
  std::size_t live() const { return live_; }

  /// Calls fn for every live object. fn may destroy the one it is given, and make others, which it
  /// may or may not meet.
  template <class Fn>
  void for_each(Fn fn) {
    for (std::size_t b = 0; b < blocks_; ++b) {
      Block& block = block_at(b);
      for (std::size_t i = 0; i < kPlaces; ++i)
        if (block.live[i]) fn(*std::launder(reinterpret_cast<T*>(&block.places[i])));
    }
  }

  /// As for_each, but at most `count` places of those that come after where the last scan ended.
  template <class Fn>
  void scan(std::size_t count, Fn fn) {
    const std::size_t all = blocks_ * kPlaces;
    for (std::size_t n = count < all ? count : all; n > 0; --n) {
      if (scan_at_ >= all) scan_at_ = 0;
      Block& block = block_at(scan_at_ / kPlaces);
      const std::size_t i = scan_at_++ % kPlaces;
      if (block.live[i]) fn(*std::launder(reinterpret_cast<T*>(&block.places[i])));
    }
  }

 private:
  union Place {
    Place* next;
    alignas(T) std::byte bytes[sizeof(T)];
  };
  /// A place costs its bytes and one bit; the bits come in words, ahead of the first place.
  static constexpr std::size_t kSpare = sizeof(std::uint64_t) + alignof(Place);
  static constexpr std::size_t kPlaces = (kBlockBytes - kSpare) * 8 / (sizeof(Place) * 8 + 1);
  static_assert(kPlaces >= 8, "choose larger blocks for this type");
  struct Block {
    std::bitset<kPlaces> live;
    Place places[kPlaces];
  };
  static_assert(sizeof(Block) <= kBlockBytes);
  static constexpr std::size_t kBlocksPerRegion = 16;
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  std::byte* memory_of(std::size_t block) const {
    return regions_[block / kBlocksPerRegion].get() + block % kBlocksPerRegion * kBlockBytes;
  }
  Block& block_at(std::size_t block) const {
    return *std::launder(reinterpret_cast<Block*>(memory_of(block)));
  }

  /// Blocks are aligned to their size, so a place finds its block by its address.
  static void mark(Place* place, bool live) {
    const auto address = reinterpret_cast<std::uintptr_t>(place) & ~std::uintptr_t{kBlockBytes - 1};
    auto* block = reinterpret_cast<Block*>(address);
    block->live[static_cast<std::size_t>(place - block->places)] = live;
  }
  void grow() {
    if (blocks_ == regions_.size() * kBlocksPerRegion) {
      regions_.reserve(regions_.size() + 1);
      void* memory = std::aligned_alloc(kBlockBytes, kBlockBytes * kBlocksPerRegion);
      if (memory == nullptr) throw std::bad_alloc();
      regions_.emplace_back(static_cast<std::byte*>(memory));
    }
    auto* block = ::new (memory_of(blocks_)) Block;
    ++blocks_;
    for (std::size_t i = kPlaces; i-- > 0;) {
      block->places[i].next = free_;
      free_ = &block->places[i];
    }
  }

  std::vector<std::unique_ptr<std::byte, Free>> regions_;
  std::size_t blocks_ = 0;
  Place* free_ = nullptr;
  std::size_t live_ = 0;
  std::size_t scan_at_ = 0;
};

}  // namespace finack
