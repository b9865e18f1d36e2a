#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>

namespace finack::http::test {

/// Chance for generators of input; the same seed makes the same sequence.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }
  template <std::size_t Size>
  std::string_view pick(const std::array<std::string_view, Size>& choices) {
    return choices[below(Size)];
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace finack::http::test
