#include "http/keep_alive.h"

#include <algorithm>
#include <charconv>

#include "http/ascii.h"

namespace finack::http {
namespace {

constexpr std::uint32_t kMostSeconds = 365 * 24 * 3600;

/// delta-seconds and counts: digits; too large a number is the largest (RFC 9111 1.2.2).
std::optional<std::uint32_t> read_number(std::string_view text) {
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::invalid_argument || stop != end) return {};
  return error == std::errc() ? number : std::numeric_limits<std::uint32_t>::max();
}

template <class Value>
void keep_least(std::optional<Value>& known, Value value) {
  known = known ? std::min(*known, value) : value;
}

}  // namespace

void read_keep_alive(std::string_view value, KeepAliveOffer& offer) {
  std::string_view member;
  while (take_list_member(value, member)) {
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos) continue;
    const auto number = read_number(trim_ows(member.substr(equals + 1)));
    if (!number) continue;
    const std::string_view parameter = trim_ows(member.substr(0, equals));
    if (equals_lower(parameter, "timeout")) {
      keep_least(offer.timeout, std::chrono::seconds(std::min(*number, kMostSeconds)));
    } else if (equals_lower(parameter, "max")) {
      keep_least(offer.max, *number);
    }
  }
}

}  // namespace finack::http
