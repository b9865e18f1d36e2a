#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <random>

namespace finack {

/// Even random bits, 64 at a time: xoshiro256** (Blackman and Vigna), a dozen instructions a draw.
/// Seeded by the system; not for secrets. One thread at a time.
class RandomBits {
 public:
  RandomBits() {
    std::random_device source;
    // A state of zeros alone would stay one.
    for (std::uint64_t& word : state_) word = std::uint64_t{source()} << 32 | (source() | 1U);
  }

  std::uint64_t draw() {
    const std::uint64_t drawn = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return drawn;
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace finack
