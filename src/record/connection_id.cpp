#include "record/connection_id.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <iterator>

namespace finack::record {
namespace {

constexpr std::size_t kBootDigits = 8;
constexpr std::size_t kLeastWorkerDigits = 2;

template <class Number>
bool read_hex(std::string_view text, Number& out) {
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out, 16);
  return read.ec == std::errc{} && read.ptr == end;
}

}  // namespace

void append_id(std::string& out, const ConnectionId& id) {
  fmt::format_to(std::back_inserter(out), "{:08x}{:02x}-{:x}", id.boot, id.worker, id.sequence);
}

std::optional<ConnectionId> parse_id(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (hyphen == std::string_view::npos || hyphen < kBootDigits + kLeastWorkerDigits) return {};
  ConnectionId id;
  const bool whole = read_hex(text.substr(0, kBootDigits), id.boot) &&
                     read_hex(text.substr(kBootDigits, hyphen - kBootDigits), id.worker) &&
                     read_hex(text.substr(hyphen + 1), id.sequence);
  if (!whole) return {};
  return id;
}

}  // namespace finack::record
