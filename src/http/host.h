#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/ascii.h"
#include "http/scan.h"
#include "http/scan_short.h"

namespace finack::http {

/// Whether [begin, end) is `uri-host [ ":" port ]` (RFC 9110 7.2, RFC 3986 3.2.2): no userinfo,
/// percent escapes whole, IP literals IPv6 only and without zone, a port of at most 65535 (it may
/// be empty). An empty host is valid only alone. `in` encloses the text: what may be read while
/// scanning.
bool is_host(std::string_view text, ByteRange in);

/// Four bytes as loaded: whether each is a digit.
inline bool are_digits(std::uint32_t word) {
  const std::uint32_t digits = word ^ 0x30303030;
  // Adding 0x76 sets the top bit of what is more than nine; carries come only from such bytes.
  return (((digits + 0x76767676) | digits) & 0x80808080) == 0;
}

/// The common half of reading a Host line: whether the line at `p` is "Host: " in any case, a name,
/// perhaps a port of four digits, and CRLF. Returns what lies behind it; nullptr: not so.
[[gnu::always_inline]] inline const char* try_host_line(const char* p, ByteRange in,
                                                        std::string_view& value) {
  constexpr std::ptrdiff_t kMinimum = 32;
  if (in.end - p < kMinimum) [[unlikely]]
    return nullptr;
  if ((load4(p) | 0x20202020) != load4("host") || load2(p + 4) != load2(": ")) return nullptr;
  const char* begin = p + 6;
  const char* end = scan::skip_short<scan::HostName>(begin, in, 7);
  if (end == begin) [[unlikely]]
    return nullptr;
  if (*end == ':' && are_digits(load4(end + 1))) end += 5;
  if (!is_crlf(end)) [[unlikely]]
    return nullptr;
  value = std::string_view(begin, end);
  return end + 2;
}

}  // namespace finack::http
