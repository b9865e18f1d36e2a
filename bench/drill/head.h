#pragma once
#include <sys/types.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

/// What the drills' upstream and load read of HTTP/1.1: enough for the heads that proxies send on,
/// and no server's or client's parser.
namespace finack::bench {

/// Carries a request's number; both sides log by it.
inline constexpr std::string_view kIdField = "X-Drill-Id";

/// RFC 6455 section 1.3: the key of its example, and the answer that belongs to it.
inline constexpr std::string_view kSocketKey = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view kSocketAccept = "s3pPLBMxaQ9kYGzzhZRbK+xOo=";

/// Nanoseconds of CLOCK_MONOTONIC, which all processes and network namespaces share.
inline std::int64_t monotonic() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

inline bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

/// Length of the head that `bytes` start with, its empty line included; 0: not complete.
inline std::size_t head_size(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

/// Value of a field without the blanks around it; empty when it is not there.
inline std::string_view field(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
    head.remove_prefix(at + 2);
    at = head.find("\r\n");
    std::string_view line = head.substr(0, at);
    if (line.size() <= name.size() || line[name.size()] != ':' ||
        !same_letters(line.substr(0, name.size()), name)) {
      continue;
    }
    line.remove_prefix(name.size() + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with(' ')) line.remove_suffix(1);
    return line;
  }
  return {};
}

/// 0 when it is no number.
inline std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace finack::bench
