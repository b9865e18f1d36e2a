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

  /// The next such byte, nullptr when there is none in reach. What follows it can be read.
  [[gnu::always_inline]] const char* find(ByteRange in) {
    if (ends_ == 0) look(in);
    return ends_ != 0 ? next_ - kBytes + scan::first_bit(ends_) : nullptr;
  }

  /// Drops the byte that was found and the one behind it: CR and LF. When only the CR lay in the
  /// last look, the LF is found again: start anew behind it then.
  [[gnu::always_inline]] void drop_crlf() {
    ends_ &= ends_ - 1;
    ends_ &= ends_ - 1;
  }

 private:
  static constexpr std::ptrdiff_t kBytes = 64;

  void look(ByteRange in);

  const char* next_;        // The first byte that was not looked at.
  std::uint64_t ends_ = 0;  // The found ones among the 64 bytes before next_.
};

[[gnu::always_inline]] inline void LineEnds::look([[maybe_unused]] ByteRange in) {
#if defined(__SSSE3__)
  // The last byte is left out, so that a CR and what follows it can be read at once.
  const char* last = in.end - 1;
  do {
    const char* from = next_;
    const std::ptrdiff_t left = last - from;
    if (left >= kBytes) {
      next_ += kBytes;
      ends_ = ~scan::text_bytes64(from);
    } else {
      if (left <= 0 || last - in.begin < kBytes) return;
      next_ = last;
      // Some of these were looked at before.
      ends_ = ~scan::text_bytes64(last - kBytes) >> (kBytes - left) << (kBytes - left);
    }
  } while (ends_ == 0);
#endif
}

}  // namespace finack::http
