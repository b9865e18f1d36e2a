#pragma once
#include <cstdint>

namespace finack::app {

/// How the descriptors of a process are shared out, so that traffic cannot use up what health,
/// metrics and our own files need. Zero: no limit.
struct DescriptorShare {
  std::uint32_t traffic = 0;  ///< Sockets of clients on the traffic listeners.
  std::uint32_t side = 0;     ///< The same on the admin and the probe listener, for each.
};

/// `limit`: RLIMIT_NOFILE, 0: not known, none; `open`: descriptors in use before a client came;
/// `accepting`: listening sockets of traffic over all workers. Kept back is a sixteenth of what is
/// free (12 to 256), and what accepts may hold at one time before they are told that there is no
/// room: up to 16 for each listening socket, but no more than a quarter of what is free. Never
/// below one connection. `dials`: a request may need a socket to a server, so that clients get half
/// of what traffic can have.
DescriptorShare share_descriptors(std::uint64_t limit, std::uint64_t open, std::uint64_t accepting,
                                  bool dials = false);

}  // namespace finack::app
