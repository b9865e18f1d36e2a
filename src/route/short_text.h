#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace finack::route {

// Paths are short: words loaded in place cost less than a call to memcmp.

template <class Word>
inline Word load_word(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline std::uint64_t mix_word(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 32);
}

/// The last word of a text overlaps the one before it, here and in same_text.
inline std::uint64_t hash_text(const char* at, std::size_t bytes) {
  std::uint64_t hash = bytes;
  if (bytes >= 8) {
    for (; bytes > 8; bytes -= 8, at += 8) hash = mix_word(hash, load_word<std::uint64_t>(at));
    return mix_word(hash, load_word<std::uint64_t>(at + bytes - 8));
  }
  if (bytes >= 4) {
    const std::uint64_t begin = load_word<std::uint32_t>(at);
    return mix_word(hash, begin << 32 | load_word<std::uint32_t>(at + bytes - 4));
  }
  for (std::size_t i = 0; i < bytes; ++i) hash = hash << 8 | static_cast<unsigned char>(at[i]);
  return mix_word(hash, 0);
}

inline bool same_text(const char* a, const char* b, std::size_t bytes) {
  if (bytes >= 8) {
    for (; bytes > 8; bytes -= 8, a += 8, b += 8) {
      if (load_word<std::uint64_t>(a) != load_word<std::uint64_t>(b)) return false;
    }
    return load_word<std::uint64_t>(a + bytes - 8) == load_word<std::uint64_t>(b + bytes - 8);
  }
  if (bytes >= 4) {
    return load_word<std::uint32_t>(a) == load_word<std::uint32_t>(b) &&
           load_word<std::uint32_t>(a + bytes - 4) == load_word<std::uint32_t>(b + bytes - 4);
  }
  for (std::size_t i = 0; i < bytes; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace finack::route
