#include "http/host.h"

namespace finack::http {
namespace {

bool is_port(const char* p, const char* end) {
  if (end - p > 5) return false;
  unsigned value = 0;
  for (; p != end; ++p) {
    if (!scan::is_digit(static_cast<unsigned char>(*p))) return false;
    value = value * 10 + static_cast<unsigned>(*p - '0');
  }
  return value <= 65535;
}

/// Behind an IPv6 literal "[…]", or nullptr.
const char* skip_ip_literal(const char* p, const char* end) {
  const char* first = ++p;
  while (p != end &&
         (scan::hex_value(static_cast<unsigned char>(*p)) >= 0 || *p == ':' || *p == '.')) {
    ++p;
  }
  return p != end && *p == ']' && p - first >= 2 ? p + 1 : nullptr;
}

bool is_escape(const char* p, const char* end) {
  return end - p >= 3 && scan::hex_value(static_cast<unsigned char>(p[1])) >= 0 &&
         scan::hex_value(static_cast<unsigned char>(p[2])) >= 0;
}

}  // namespace

bool is_host(std::string_view text, ByteRange in) {
  const char* p = text.data();
  const char* end = p + text.size();
  if (p == end) return true;
  if (*p == '[') {
    p = skip_ip_literal(p, end);
    if (p == nullptr) return false;
  } else {
    const char* first = p;
    // The scan may run past the text when what follows is of the class, too.
    while ((p = scan::skip<scan::HostName>(p, in)) < end && *p == '%') {
      if (!is_escape(p, end)) return false;
      p += 3;
    }
    if (p > end) p = end;
    if (p == first) return false;
  }
  if (p == end) return true;
  return *p == ':' && is_port(p + 1, end);
}

}  // namespace finack::http
