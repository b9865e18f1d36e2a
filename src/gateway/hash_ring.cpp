#include "gateway/hash_ring.h"

#include <algorithm>

#include "gateway/text_hash.h"

namespace finack::gateway {

HashRing::HashRing(std::span<const RingServer> servers) {
  std::uint64_t wanted = 0;
  for (const RingServer& server : servers) wanted += server.weight * kPointsOfWeight;
  // By powers of two: then weights can change a little and few keys move.
  unsigned halvings = 0;
  while (wanted >> halvings > kMostPoints) ++halvings;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const std::uint64_t full = servers[i].weight * kPointsOfWeight;
    const std::uint64_t count = full == 0 ? 0 : std::max<std::uint64_t>(1, full >> halvings);
    std::uint64_t hash = hash_text(servers[i].name);
    for (std::uint64_t n = 0; n < count; ++n) {
      // Weyl's sequence, mixed, as SplitMix64 does it.
      hash += 0x9e3779b97f4a7c15;
      points_.push_back({mix(hash), static_cast<std::uint32_t>(i)});
    }
  }
  // Not by place: two processes may list the same servers in another order.
  std::ranges::sort(points_, [servers](const Point& a, const Point& b) {
    return a.hash != b.hash ? a.hash < b.hash : servers[a.server].name < servers[b.server].name;
  });
}

std::size_t HashRing::first_from(std::uint64_t key) const {
  const auto point = std::ranges::lower_bound(points_, key, {}, &Point::hash);
  return point == points_.end() ? 0 : static_cast<std::size_t>(point - points_.begin());
}

}  // namespace finack::gateway
