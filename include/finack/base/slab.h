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
/// first. One thread. Objects still live when the slab dies are not destroyed: their owner must.
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
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      Block& block = *blocks_[b];
      for (std::size_t i = 0; i < kPlaces; ++i)
        if (block.live[i]) fn(*std::launder(reinterpret_cast<T*>(&block.places[i])));
    }
  }

  /// As for_each, but at most `count` places of those that come after where the last scan ended.
  template <class Fn>
  void scan(std::size_t count, Fn fn) {
    const std::size_t all = blocks_.size() * kPlaces;
    for (std::size_t n = count < all ? count : all; n > 0; --n) {
      if (scan_at_ >= all) scan_at_ = 0;
      Block& block = *blocks_[scan_at_ / kPlaces];
      const std::size_t i = scan_at_++ % kPlaces;
      if (block.live[i]) fn(*std::launder(reinterpret_cast<T*>(&block.places[i])));
    }
  }

 private:
  union Place {
    Place* next;
    alignas(T) std::byte bytes[sizeof(T)];
  };
  static constexpr std::size_t kPlaces = (kBlockBytes - kBlockBytes / 64) / sizeof(Place);
  static_assert(kPlaces >= 8, "choose larger blocks for this type");
  struct Block {
    std::bitset<kPlaces> live;
    Place places[kPlaces];
  };
  static_assert(sizeof(Block) <= kBlockBytes);
  struct FreeBlock {
    void operator()(Block* block) const { std::free(block); }
  };

  /// Blocks are aligned to their size, so a place finds its block by its address.
  static void mark(Place* place, bool live) {
    const auto address = reinterpret_cast<std::uintptr_t>(place) & ~std::uintptr_t{kBlockBytes - 1};
    auto* block = reinterpret_cast<Block*>(address);
    block->live[static_cast<std::size_t>(place - block->places)] = live;
  }
  void grow() {
    void* memory = std::aligned_alloc(kBlockBytes, kBlockBytes);
    if (memory == nullptr) throw std::bad_alloc();
    auto* block = ::new (memory) Block;
    blocks_.emplace_back(block);
    for (std::size_t i = kPlaces; i-- > 0;) {
      block->places[i].next = free_;
      free_ = &block->places[i];
    }
  }

  std::vector<std::unique_ptr<Block, FreeBlock>> blocks_;
  Place* free_ = nullptr;
  std::size_t live_ = 0;
  std::size_t scan_at_ = 0;
};

}  // namespace finack
