#pragma once
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace finack::route {

/// Small texts of one request, copied side by side; they stay where they are until reset().
class ByteArena {
 public:
  ByteArena() = default;
  ByteArena(const ByteArena&) = delete;
  ByteArena& operator=(const ByteArena&) = delete;

  /// `bytes` bytes to write into; not initialised.
  char* take(std::size_t bytes) {
    if (bytes > left_) return take_block(bytes);
    left_ -= bytes;
    return first_.data() + left_;
  }
  std::string_view copy(std::string_view text) {
    char* place = take(text.size());
    if (!text.empty()) std::memcpy(place, text.data(), text.size());
    return {place, text.size()};
  }
  void reset() {
    left_ = kFirst;
    if (!blocks_.empty()) drop_blocks();
  }

 private:
  static constexpr std::size_t kFirst = 512;

  [[gnu::noinline]] void drop_blocks() { blocks_.clear(); }
  [[gnu::noinline]] char* take_block(std::size_t bytes) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    return blocks_.back().get();
  }

  std::size_t left_ = kFirst;  ///< Of first_, which is filled from its end.
  std::array<char, kFirst> first_;
  std::vector<std::unique_ptr<char[]>> blocks_;
};

}  // namespace finack::route
