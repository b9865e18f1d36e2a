#pragma once
#include <cstddef>
#include <cstdint>

#include "http/scan.h"

namespace finack::http {

/// Finds where the lines of a head end, 64 bytes at a look: the next byte that is neither SP nor
/// VCHAR. Each byte is looked at once.
class LineEnds {
 public:
  explicit LineEnds(const char* from) : next_(from) {}

  /// The first such byte from `p` on, nullptr when there is none in reach. What follows it can be
  /// read. `p` is where the search began or what lies behind the line that was dropped last.
  [[gnu::always_inline]] const char* find(const char* p, ByteRange in) {
    if (ends_ == 0) look(p, in);
    return ends_ != 0 ? next_ - kBytes + scan::first_bit(ends_) : nullptr;
  }

  /// Drops the byte that was found and the one behind it: CR and LF.
  [[gnu::always_inline]] void drop_crlf() {
    ends_ &= ends_ - 1;
    ends_ &= ends_ - 1;
  }

 private:
  static constexpr std::ptrdiff_t kBytes = 64;

  void look(const char* p, ByteRange in);

  const char* next_;        // The first byte that was not looked at.
  std::uint64_t ends_ = 0;  // The found ones among the 64 bytes before next_.
};

[[gnu::always_inline]] inline void LineEnds::look([[maybe_unused]] const char* p,
                                                  [[maybe_unused]] ByteRange in) {
#if defined(__SSSE3__)
  // The last byte is left out, so that a CR and what follows it can be read at once.
  const char* last = in.end - 1;
  for (const char* from = p > next_ ? p : next_; ends_ == 0; from = next_) {
    next_ = last;
    const std::ptrdiff_t left = last - from;
    if (left >= kBytes) {
      next_ = from + kBytes;
    } else if (left <= 0 || last - in.begin < kBytes) {
      return;
    }
    const std::uint64_t mask = ~scan::text_bytes64(next_ - kBytes);
    // Of the last 64 bytes some may have been looked at before.
    ends_ = mask >> (from - (next_ - kBytes)) << (from - (next_ - kBytes));
  }
#endif
}

}  // namespace finack::http
