#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSSE3__)
#include <tmmintrin.h>
#endif

namespace finack::http {

/// Bytes that may be read: [begin, end).
struct ByteRange {
  const char* begin;
  const char* end;
};

namespace scan {

constexpr bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(unsigned char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
constexpr bool is_one_of(unsigned char c, std::string_view set) {
  return c != 0 && set.find(static_cast<char>(c)) != std::string_view::npos;
}
/// The value of a hex digit, -1 for anything else.
constexpr int hex_value(unsigned char c) {
  if (is_digit(c)) return c - '0';
  const int lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The place of the lowest bit of a mask that is not 0; std::countr_zero would ask about 0.
[[gnu::always_inline]] inline unsigned first_bit(std::uint64_t mask) {
  return static_cast<unsigned>(__builtin_ctzll(mask));
}

[[gnu::always_inline]] inline unsigned first_bit(unsigned mask) {
  return static_cast<unsigned>(__builtin_ctz(mask));
}

// The byte classes. Each has `accepts`, from which tables for both scanners are made.

/// RFC 9110 5.6.2
struct Token {
  static constexpr bool accepts(unsigned char c) {
    return is_digit(c) || is_alpha(c) || is_one_of(c, "!#$%&'*+-.^_`|~");
  }
};
/// The path of a request target, '?' excluded: RFC 3986 3.3 and what browsers send raw: [ ] { } | ^
/// `. A backslash is refused: some servers read it as '/'.
struct Path {
  static constexpr bool accepts(unsigned char c) {
    return c > 0x20 && c < 0x7f && !is_one_of(c, "?#\"<>\\");
  }
};
/// The query of a request target: as Path, and '?' and the backslash, which browsers send raw.
struct Query {
  static constexpr bool accepts(unsigned char c) {
    return c > 0x20 && c < 0x7f && !is_one_of(c, "#\"<>");
  }
};
/// reg-name without percent-encoding (RFC 3986 3.2.2).
struct HostName {
  static constexpr bool accepts(unsigned char c) {
    return is_digit(c) || is_alpha(c) || is_one_of(c, "-._~!$&'()*+,;=");
  }
};
/// field-value (RFC 9110 5.5): HTAB, SP, VCHAR, obs-text.
struct FieldValue {
  static constexpr bool accepts(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }
};

template <class Class>
inline constexpr std::array<bool, 256> kTable = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < 256; ++i) table[i] = Class::accepts(static_cast<unsigned char>(i));
  return table;
}();

template <class Class>
constexpr bool accepts(char c) {
  return kTable<Class>[static_cast<unsigned char>(c)];
}

/// The first byte of [p, end) outside the class, or end.
template <class Class>
inline const char* skip_portable(const char* p, const char* end) {
  while (p != end && accepts<Class>(*p)) ++p;
  return p;
}

#if defined(__SSSE3__)
/// Row bits per low nibble: bit h of entry l says whether byte (h << 4 | l) is in the class; ASCII
/// only.
template <class Class>
inline constexpr std::array<std::uint8_t, 16> kNibbles = [] {
  std::array<std::uint8_t, 16> table{};
  for (unsigned low = 0; low < 16; ++low) {
    for (unsigned high = 0; high < 8; ++high) {
      if (Class::accepts(static_cast<unsigned char>(high << 4 | low))) {
        table[low] = static_cast<std::uint8_t>(table[low] | 1U << high);
      }
    }
  }
  return table;
}();

/// One bit for every byte of the block that is outside the class.
template <class Class>
[[gnu::always_inline]] inline unsigned stops(__m128i block) {
  const __m128i low_rows =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(kNibbles<Class>.data()));
  const __m128i high_bit = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i high = _mm_and_si128(_mm_srli_epi16(block, 4), _mm_set1_epi8(0x0f));
  // pshufb yields 0 for an index with the top bit set, so bytes from 0x80 on stop as well.
  const __m128i hit =
      _mm_and_si128(_mm_shuffle_epi8(low_rows, block), _mm_shuffle_epi8(high_bit, high));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128())));
}

template <>
[[gnu::always_inline]] inline unsigned stops<FieldValue>(__m128i block) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
  const __m128i tab = _mm_cmpeq_epi8(block, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)));
}

/// Every lane whose byte is SP or VCHAR (0x20 to 0x7e), all ones: one comparison of signed bytes,
/// since adding one makes DEL negative like obs-text.
[[gnu::always_inline]] inline __m128i text_lanes(__m128i block) {
  return _mm_cmpgt_epi8(_mm_add_epi8(block, _mm_set1_epi8(1)), _mm_set1_epi8(0x20));
}

[[gnu::always_inline]] inline __m128i load16(const char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

/// One bit for every one of 64 bytes that is SP or VCHAR.
[[gnu::always_inline]] inline std::uint64_t text_bytes64(const char* p) {
  const auto bits = [p](int i) -> std::uint64_t {
    return static_cast<unsigned>(_mm_movemask_epi8(text_lanes(load16(p + i))));
  };
  return bits(0) | bits(16) << 16 | (bits(32) | bits(48) << 16) << 32;
}
#endif

/// As skip_portable, 16 bytes at a time. `p` lies in `in`; no byte outside `in` is read.
template <class Class>
[[gnu::always_inline]] inline const char* skip(const char* p, ByteRange in) {
#if defined(__SSSE3__)
  while (in.end - p >= 16) {
    const unsigned mask = stops<Class>(load16(p));
    if (mask != 0) return p + first_bit(mask);
    p += 16;
  }
  if (in.end - in.begin >= 16) {
    // The last 16 bytes, those before p shifted out.
    const char* tail = in.end - 16;
    const unsigned mask = stops<Class>(load16(tail)) >> static_cast<unsigned>(p - tail);
    return mask != 0 ? p + first_bit(mask) : in.end;
  }
#endif
  return skip_portable<Class>(p, in.end);
}

}  // namespace scan
}  // namespace finack::http
