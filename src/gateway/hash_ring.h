#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace finack::gateway {

/// A server as the ring knows it.
struct RingServer {
  std::string_view name;  ///< The same in every process: "127.0.0.1:9001".
  std::uint32_t weight = 1;
};

/// Consistent hashing: each server stands at many points of a ring, as many as its weight says, and
/// a key belongs to the server at or behind its place. A server that comes or goes moves only its
/// own keys. Constant once made; any thread.
class HashRing {
 public:
  HashRing() = default;
  explicit HashRing(std::span<const RingServer> servers);

  /// The first server from the key on that `fits(place)` accepts; each point is asked at most once.
  template <class Fits>
  std::optional<std::size_t> find(std::uint64_t key, Fits fits) const {
    const std::size_t begin = first_from(key);
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const std::size_t at = begin + i < points_.size() ? begin + i : begin + i - points_.size();
      if (fits(points_[at].server)) return points_[at].server;
    }
    return std::nullopt;
  }
  std::size_t points() const { return points_.size(); }

 private:
  static constexpr std::uint64_t kPointsOfWeight = 160;
  static constexpr std::uint64_t kMostPoints = 1 << 16;

  struct Point {
    std::uint64_t hash;
    std::uint32_t server;
  };
  std::size_t first_from(std::uint64_t key) const;

  std::vector<Point> points_;
};

}  // namespace finack::gateway
