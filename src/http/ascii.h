#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace finack::http {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

inline std::uint64_t load8(const char* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline std::uint32_t load4(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline std::uint16_t load2(const char* p) {
  std::uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// to_lower of eight bytes.
constexpr std::uint64_t to_lower8(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  // The top bit of each byte says whether its seven lower ones are at least 'A', and above 'Z'.
  const std::uint64_t seven = bytes & 0x7f * kOnes;
  const std::uint64_t from_a = seven + (0x80 - 'A') * kOnes;
  const std::uint64_t above_z = seven + (0x7f - 'Z') * kOnes;
  const std::uint64_t upper = from_a & ~above_z & ~bytes & 0x80 * kOnes;
  return bytes | upper >> 2;
}

/// Whether two texts of `size` bytes are the same without case, where the second `is_lower` or is
/// folded too. Loads that may overlap, from both ends.
template <bool is_lower>
inline bool are_same_folded(const char* a, const char* b, std::size_t size) {
  const auto same = [](std::uint64_t x, std::uint64_t y) {
    return to_lower8(x) == (is_lower ? y : to_lower8(y));
  };
  if (size >= 8) {
    for (std::size_t i = 0; i + 8 < size; i += 8) {
      if (!same(load8(a + i), load8(b + i))) return false;
    }
    return same(load8(a + size - 8), load8(b + size - 8));
  }
  if (size >= 4) {
    const auto both_ends = [size](const char* p) {
      return load4(p) | std::uint64_t{load4(p + size - 4)} << 32;
    };
    return same(both_ends(a), both_ends(b));
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

template <bool is_lower>
[[gnu::always_inline]] inline bool equals_folded(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  // Most that are as long differ in their first byte by more than the bit of the case.
  const bool may_equal = a.empty() || ((a[0] ^ b[0]) & ~0x20) == 0;
  return may_equal && are_same_folded<is_lower>(a.data(), b.data(), a.size());
}

/// Compares ASCII text without case; `lower` is given in lower case.
[[gnu::always_inline]] inline bool equals_lower(std::string_view text, std::string_view lower) {
  return equals_folded<true>(text, lower);
}

/// Compares ASCII text without case.
[[gnu::always_inline]] inline bool equals_nocase(std::string_view a, std::string_view b) {
  return equals_folded<false>(a, b);
}

/// Without SP and HTAB at both ends (OWS, RFC 9110 5.6.3).
constexpr std::string_view trim_ows(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes the next member off a comma-separated list (RFC 9110 5.6.1), trimmed; empty members are
/// returned as such. False when the list is used up.
inline bool take_list_member(std::string_view& rest, std::string_view& member) {
  if (rest.data() == nullptr) return false;
  const std::size_t comma = rest.find(',');
  member = trim_ows(rest.substr(0, comma));
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return true;
}

inline bool is_crlf(const char* p) { return load2(p) == load2("\r\n"); }

/// Whether `name`, known to be a token of Size bytes, is `lower`: on token bytes, `| 0x20` folds
/// letters and nothing else onto a byte that a field name of ours has.
template <std::size_t Size>
inline bool is_field(const char* name, const char (&lower)[Size]) {
  constexpr std::size_t size = Size - 1;
  constexpr std::uint64_t fold = 0x2020202020202020;
  if constexpr (size < 8) {
    std::uint32_t head = load4(name) | static_cast<std::uint32_t>(fold);
    std::uint32_t tail = load4(name + size - 4) | static_cast<std::uint32_t>(fold);
    return head == load4(lower) && tail == load4(lower + size - 4);
  } else {
    for (std::size_t i = 0; i + 8 < size; i += 8) {
      if ((load8(name + i) | fold) != load8(lower + i)) return false;
    }
    return (load8(name + size - 8) | fold) == load8(lower + size - 8);
  }
}

}  // namespace finack::http
