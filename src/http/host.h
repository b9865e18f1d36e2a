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

/// Behind a port of four digits, or of five that begin with 1 to 5 and so are below 60 000, that
/// begins at `p`; else `p`. Eight bytes can be read.
[[gnu::always_inline]] inline const char* skip_usual_port(const char* p) {
  if (!are_digits(load4(p))) return p;
  if (p[4] == '\r') return p + 4;
  return scan::is_digit(static_cast<unsigned char>(p[4])) && *p >= '1' && *p <= '5' ? p + 5 : p;
}

/// The common half of reading a Host line: whether the line at `p` is "Host: " in any case, a name,
/// perhaps a usual port, and CRLF. Returns what lies behind it, where two bytes more can be read;
/// nullptr: not so.
[[gnu::always_inline]] inline const char* try_host_line(const char* p, ByteRange in,
                                                        std::string_view& value) {
  constexpr std::ptrdiff_t kName = 6;
  constexpr std::ptrdiff_t kBehind = 10;  // What can follow the name, ":12345\r\n", and two more.
  if (in.end - p < kName + 16) [[unlikely]]
    return nullptr;
  if ((load4(p) | 0x20202020) != load4("host") || load2(p + 4) != load2(": ")) return nullptr;
  const char* begin = p + kName;
  const char* end = scan::skip_short<scan::HostName>(begin, in, kBehind);
  if (end == begin || in.end - end < kBehind) [[unlikely]]
    return nullptr;
  if (*end == ':') end = skip_usual_port(end + 1);
  if (!is_crlf(end)) [[unlikely]]
    return nullptr;
  value = std::string_view(begin, end);
  return end + 2;
}

}  // namespace finack::http
