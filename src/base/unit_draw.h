#pragma once
#include <cstdint>

namespace finack {

/// A share of one, [0, 1), of 64 even random bits: as many of them as a double holds.
constexpr double unit_draw(std::uint64_t draw) { return static_cast<double>(draw >> 11) * 0x1p-53; }

}  // namespace finack
