#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "finack/base/clock.h"
#include "gateway/cluster_settings.h"
#include "gateway/hash_ring.h"
#include "gateway/peak_ewma.h"

namespace finack::gateway {

/// One server of a cluster at the time of a choice.
struct Candidate {
  std::uint32_t weight = 1;           ///< Its share; 0: none.
  double warmth = 1;                  ///< In slow start: of its weight, (0, 1].
  bool available = true;              ///< Health and breaker allow it.
  bool backup = false;                ///< Only while no other is available.
  bool avoided = false;               ///< In doubt: only while no other may be chosen.
  std::uint32_t live = 0;             ///< Tries under way, over all workers.
  const PeakEwma* latency = nullptr;  ///< Null: not known.
};

/// What one choice goes by.
struct Pick {
  std::uint64_t draw = 0;                ///< Random over all its values, new for each choice.
  std::uint64_t key = 0;                 ///< For consistent_hash: see hash_key.h.
  std::span<const std::size_t> tried{};  ///< Not to be chosen again.
  Instant now{};
};

/// Chooses a server of a cluster, for one worker. One thread; allocates nothing after it was made.
/// The same picks in the same order give the same choices.
///
/// Backups are looked at only when no other server is available, tried or not; one that is avoided
/// only when there is no other left.
///  - round_robin: by weight, smoothly: of weights 5, 1, 1 not five in a row.
///  - least_requests: fewest live requests against the weight; draws decide between equals.
///  - p2c_ewma: two servers are drawn by weight, and the one of less cost is taken, which is peak
///    latency × (1 + live requests / share of the weight). Costs within kLikeness are alike: then
///    the first is taken, so that weights hold also while nothing is under way. A latency that is
///    not known counts as the other's.
///  - consistent_hash: the first server on the ring from the key on that has room: no more than
///    load_percent of its share of all live requests, this one included.
class Balancer {
 public:
  static constexpr double kLikeness = 1.25;

  /// `servers` in the order of the candidates; the ring alone uses their weights and names. `seed`
  /// differs between workers, so that they do not begin with the same server.
  Balancer(Balance balance, std::span<const RingServer> servers, std::uint32_t load_percent,
           std::uint64_t seed);

  /// The place of a server, or nothing: none is left. As many candidates as servers.
  std::optional<std::size_t> pick(std::span<const Candidate> candidates, const Pick& pick);

 private:
  struct Choice {
    std::span<const Candidate> candidates;
    const Pick& pick;
    bool backups = false;
    bool avoiding = false;  ///< Some candidate is not avoided.

    bool open(std::size_t place) const;
    bool allows(std::size_t place) const;
    double weight(std::size_t place) const;
  };

  std::optional<std::size_t> next_in_turn(const Choice& choice);
  std::optional<std::size_t> least_busy(const Choice& choice) const;
  std::optional<std::size_t> better_of_two(const Choice& choice) const;
  std::optional<std::size_t> next_on_ring(const Choice& choice);

  Balance balance_;
  std::uint32_t load_percent_;
  std::size_t start_ = 0;       ///< Where equals are looked at first.
  std::vector<double> turns_;   ///< Of round_robin: what each server is owed.
  std::vector<bool> has_room_;  ///< Of consistent_hash, of the pick that is under way.
  HashRing ring_;
};

}  // namespace finack::gateway
