#include "app/descriptor_share.h"

#include <algorithm>
#include <limits>

namespace finack::app {
namespace {

constexpr std::uint64_t kLeastKept = 12;
constexpr std::uint64_t kMostKept = 256;
constexpr std::uint64_t kAcceptsAtOnce = 16;  ///< Of one io_uring listener.

}  // namespace

DescriptorShare share_descriptors(std::uint64_t limit, std::uint64_t open, std::uint64_t accepting,
                                  bool dials) {
  if (limit == 0 || limit > std::numeric_limits<std::uint32_t>::max()) return {};
  const std::uint64_t free = limit > open ? limit - open : 0;
  const std::uint64_t own = std::clamp(free / 16, kLeastKept, kMostKept);
  const std::uint64_t kept = own + std::min(accepting * kAcceptsAtOnce, free / 4);
  const std::uint64_t usable = free > kept ? free - kept : 1;
  const std::uint64_t traffic = dials ? std::max<std::uint64_t>(usable / 2, 1) : usable;
  // Of what is kept two thirds are for the side listeners, the rest for files and closing sockets.
  return {.traffic = static_cast<std::uint32_t>(traffic),
          .side = static_cast<std::uint32_t>(own / 3)};
}

}  // namespace finack::app
