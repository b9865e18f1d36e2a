#pragma once
#include <cstddef>
#include <string_view>

#include "http/ascii.h"
#include "http/scan.h"

// Scanners for runs that are usually shorter than 16 bytes: one look inline, the rest out of line.
namespace finack::http::scan {

/// skip, out of line.
template <class Class>
[[gnu::noinline]] const char* skip_long(const char* p, ByteRange in) {
  return skip<Class>(p, in);
}

/// As skip, where a short run is likely, 16 bytes and `behind` more can be read from `p` on, and
/// `behind` bytes must follow the run: `p` as if there was no run when they do not.
template <class Class>
[[gnu::always_inline]] inline const char* skip_short(const char* p, ByteRange in,
                                                     std::ptrdiff_t behind) {
#if defined(__SSSE3__)
  const unsigned mask = stops<Class>(load16(p));
  if (mask != 0) [[likely]]
    return p + first_bit(mask);
#endif
  const char* stop = skip_long<Class>(p, {in.begin, in.end});
  return in.end - stop >= behind ? stop : p;
}

/// As skip, where a short run is likely and `in` is at least 16 bytes long.
template <class Class>
[[gnu::always_inline]] inline const char* skip_name(const char* p, ByteRange in) {
#if defined(__SSSE3__)
  const char* block = p < in.end - 16 ? p : in.end - 16;
  const unsigned mask = stops<Class>(load16(block)) >> static_cast<unsigned>(p - block);
  if (mask != 0) [[likely]]
    return p + first_bit(mask);
#endif
  return skip_long<Class>(p, {in.begin, in.end});
}

/// Whether every byte of the text is of the class. Up to 32 bytes from 4 on take one or two looks:
/// two loads that may overlap, from both ends.
template <class Class>
[[gnu::always_inline]] inline bool holds_only(std::string_view text) {
  const char* const p = text.data();
  const std::size_t size = text.size();
#if defined(__SSSE3__)
  const auto both = [p, size](auto load, std::size_t part) {
    return _mm_set_epi64x(static_cast<long long>(load(p + size - part)),
                          static_cast<long long>(load(p)));
  };
  if (size - 8 <= 8) return stops<Class>(both(load8, 8)) == 0;
  if (size - 16 <= 16) return (stops<Class>(load16(p)) | stops<Class>(load16(p + size - 16))) == 0;
  if (size - 4 <= 4) {
    const __m128i words = both(load4, 4);  // And zeros, for which the low word stands in.
    return stops<Class>(_mm_shuffle_epi32(words, _MM_SHUFFLE(2, 2, 0, 0))) == 0;
  }
#endif
  const ByteRange in{p, p + size};
  return skip<Class>(p, in) == in.end;
}

}  // namespace finack::http::scan
