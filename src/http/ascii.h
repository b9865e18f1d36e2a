#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace finack::http {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/// Compares ASCII text without case; `lower` is given in lower case.
inline bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

/// Compares ASCII text without case.
inline bool equals_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

/// Without SP and HTAB at both ends (OWS, RFC 9110 5.6.3).
constexpr std::string_view trim_ows(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes the next member off a comma-separated list (RFC 9110 5.6.1), trimmed; empty members are
/// returned as such. False when the list is used up.
inline bool take_list_member(std::string_view& rest, std::string_view& member) {
  if (rest.data() == nullptr) return false;
  const std::size_t comma = rest.find(',');
  member = trim_ows(rest.substr(0, comma));
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return true;
}

inline std::uint64_t load8(const char* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline std::uint32_t load4(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline std::uint16_t load2(const char* p) {
  std::uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline bool is_crlf(const char* p) { return load2(p) == load2("\r\n"); }

/// Whether `name`, known to be a token of Size bytes, is `lower`: on token bytes, `| 0x20` folds
/// letters and nothing else onto a byte that a field name of ours has.
template <std::size_t Size>
inline bool is_field(const char* name, const char (&lower)[Size]) {
  constexpr std::size_t size = Size - 1;
  constexpr std::uint64_t fold = 0x2020202020202020;
  if constexpr (size < 8) {
    std::uint32_t head = load4(name) | static_cast<std::uint32_t>(fold);
    std::uint32_t tail = load4(name + size - 4) | static_cast<std::uint32_t>(fold);
    return head == load4(lower) && tail == load4(lower + size - 4);
  } else {
    for (std::size_t i = 0; i + 8 < size; i += 8) {
      if ((load8(name + i) | fold) != load8(lower + i)) return false;
    }
    return (load8(name + size - 8) | fold) == load8(lower + size - 8);
  }
}

}  // namespace finack::http
