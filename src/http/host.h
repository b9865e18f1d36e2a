#pragma once
#include <string_view>

#include "http/scan.h"

namespace finack::http {

/// Whether [begin, end) is `uri-host [ ":" port ]` (RFC 9110 7.2, RFC 3986 3.2.2): no userinfo,
/// percent escapes whole, IP literals IPv6 only and without zone, a port of at most 65535 (it may
/// be empty). An empty host is valid only alone. `in` encloses the text: what may be read while
/// scanning.
bool is_host(std::string_view text, const ByteRange& in);

/// The common half of is_host: a name with or without a port of one to four digits. False: ask
/// is_host.
[[gnu::always_inline]] inline bool is_plain_host(std::string_view text, const ByteRange& in) {
  const char* end = text.data() + text.size();
  const char* p = scan::skip<scan::HostName>(text.data(), in);
  if (p == text.data()) return false;
  if (p >= end) return true;
  if (*p != ':') return false;
  const auto digit = [](char c) { return static_cast<unsigned char>(c - '0') < 10; };
  switch (end - p) {
    case 5:
      return digit(p[1]) && digit(p[2]) && digit(p[3]) && digit(p[4]);
    case 4:
      return digit(p[1]) && digit(p[2]) && digit(p[3]);
    case 3:
      return digit(p[1]) && digit(p[2]);
    case 2:
      return digit(p[1]);
    default:
      return false;
  }
}

}  // namespace finack::http
