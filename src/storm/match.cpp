#include "storm/match.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string>
#include <utility>

namespace finack::storm {
namespace {

/// One number for address and port.
template <class T>
std::uint64_t place(const T& t) {
  return std::uint64_t{t.source} << 16 | t.port;
}

std::vector<std::size_t> indices(std::size_t count) {
  std::vector<std::size_t> out(count);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

}  // namespace

bool parse_peer(std::string_view text, SeenConnection& out) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string host(text.substr(0, colon));
  in_addr address{};
  if (::inet_pton(AF_INET, host.c_str(), &address) != 1) return false;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (error != std::errc() || stop != end) return false;
  out.source = ntohl(address.s_addr);
  return true;
}

Match match(std::span<const Contact> contacts, std::span<const SeenConnection> seen) {
  std::vector<std::size_t> left = indices(contacts.size());
  std::vector<std::size_t> right = indices(seen.size());
  std::ranges::sort(left, {}, [&](std::size_t i) { return std::pair(place(contacts[i]), i); });
  std::ranges::sort(right, {},
                    [&](std::size_t i) { return std::pair(place(seen[i]), seen[i].sequence); });
  Match out;
  std::size_t l = 0;
  std::size_t r = 0;
  while (l < left.size() || r < right.size()) {
    const std::uint64_t at_left = l < left.size() ? place(contacts[left[l]]) : ~std::uint64_t{0};
    const std::uint64_t at_right = r < right.size() ? place(seen[right[r]]) : ~std::uint64_t{0};
    if (at_left == at_right) {
      out.pairs.push_back({left[l++], right[r++]});
    } else if (at_left < at_right) {
      out.contacts_alone.push_back(left[l++]);
    } else {
      out.seen_alone.push_back(right[r++]);
    }
  }
  return out;
}

}  // namespace finack::storm
