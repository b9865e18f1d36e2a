#pragma once
#include <cstdint>
#include <string_view>

namespace finack::gateway {

/// Spreads every bit over all others (the finalizer of MurmurHash3).
constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33;
}

/// FNV-1a, mixed: the same in every process and version, as clients and rings of several gateways
/// rely on it.
constexpr std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix(hash);
}

/// A draw over all values as one from [0, below); 0 for 0. Bias is at most below / 2^64.
constexpr std::uint64_t scale_draw(std::uint64_t draw, std::uint64_t below) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(draw) * below >> 64);
}

}  // namespace finack::gateway
