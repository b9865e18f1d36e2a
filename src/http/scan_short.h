#pragma once
#include <cstddef>

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

}  // namespace finack::http::scan
