#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "finack/http/message.h"
#include "http/ascii.h"
#include "http/scan.h"

// How the encoders write text: each put returns what lies behind what it wrote.
namespace finack::http {

inline constexpr std::size_t kMaxDecimal = 20;

template <std::size_t Size>
[[gnu::always_inline]] inline char* put(char* out, const char (&literal)[Size]) {
  std::memcpy(out, literal, Size - 1);
  return out + Size - 1;
}

// Two moves that may overlap copy any size from Size to twice that.
template <std::size_t Size>
[[gnu::always_inline]] inline char* put_both_ends(char* out, std::string_view text) {
  std::memcpy(out, text.data(), Size);
  std::memcpy(out + text.size() - Size, text.data() + text.size() - Size, Size);
  return out + text.size();
}

[[gnu::always_inline]] inline char* put(char* out, std::string_view text) {
  const std::size_t size = text.size();
  if (size - 16 <= 16) return put_both_ends<16>(out, text);
  if (size - 8 <= 8) return put_both_ends<8>(out, text);
  if (size - 4 <= 4) return put_both_ends<4>(out, text);
  // A missing value has no address, which memcpy must not be given.
  if (size < 4) return std::copy_n(text.data(), size, out);
  std::memcpy(out, text.data(), size);
  return out + size;
}

// Each line is written behind the one before: CRLF, then the line. Heads end with kHeadEnd.
inline constexpr char kHeadEnd[] = "\r\n\r\n";

inline char* put_field(char* out, const Header& field) {
  out = put(out, "\r\n");
  out = put(out, field.name);
  out = put(out, ": ");
  return put(out, field.value);
}

inline constexpr auto kTwoDigits = [] {
  std::array<char, 200> digits{};
  for (std::size_t i = 0; i < 100; ++i) {
    digits[2 * i] = static_cast<char>('0' + i / 10);
    digits[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return digits;
}();

[[gnu::always_inline]] inline char* put_decimal(char* out, std::uint64_t value) {
  if (value < 10) {
    *out = static_cast<char>('0' + value);
    return out + 1;
  }
  if (value < 100) {
    std::memcpy(out, &kTwoDigits[2 * value], 2);
    return out + 2;
  }
  if (value < 1000) {
    *out = static_cast<char>('0' + value / 100);
    std::memcpy(out + 1, &kTwoDigits[2 * (value % 100)], 2);
    return out + 3;
  }
  return std::to_chars(out, out + kMaxDecimal, value).ptr;
}

/// Upper bound of the bytes that put_field writes for these.
inline std::size_t fields_size_bound(std::span<const Header> headers) {
  std::size_t size = 0;
  for (const Header& field : headers) size += field.name.size() + field.value.size() + 4;
  return size;
}

/// is_value, out of line.
bool is_any_value(std::string_view value);

/// Whether no byte of a value can split the message (RFC 9110 5.5).
[[gnu::always_inline]] inline bool is_value(std::string_view value) {
  if (value.empty()) return true;
#if defined(__SSSE3__)
  if (value.size() - 16 <= 16) {
    const __m128i first = scan::text_lanes(scan::load16(value.data()));
    const __m128i last = scan::text_lanes(scan::load16(value.data() + value.size() - 16));
    if (_mm_movemask_epi8(_mm_and_si128(first, last)) == 0xffff) [[likely]]
      return true;
  }
#endif
  return is_any_value(value);
}

/// Whether an encoder writes that field itself: what frames the message or belongs to a connection.
inline bool is_ours(std::string_view name) {
  switch (name.size()) {
    case 10:
      return equals_lower(name, "connection") || equals_lower(name, "keep-alive");
    case 14:
      return equals_lower(name, "content-length");
    case 16:
      return equals_lower(name, "proxy-connection");
    case 17:
      return equals_lower(name, "transfer-encoding");
    default:
      return false;
  }
}

/// RFC 9110 5.6.2
bool is_token(std::string_view name);

}  // namespace finack::http
