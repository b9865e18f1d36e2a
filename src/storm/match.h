#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "storm/generator.h"

namespace finack::storm {

/// What a server recorded of one connection.
struct SeenConnection {
  std::uint32_t source = 0;  ///< The peer's IPv4 address, host byte order.
  std::uint16_t port = 0;
  std::uint64_t sequence = 0;  ///< Of the accepts; connections of one peer address are in order.
  AllowedEnding ending{};
  std::uint64_t requests = 0;  ///< That it counted on the connection.
};

/// From "127.0.0.1:50312" to source and port; false when it is no such text.
bool parse_peer(std::string_view text, SeenConnection& out);

/// Who is whom, by index into what was matched.
struct Match {
  struct Pair {
    std::size_t contact;
    std::size_t seen;
  };
  std::vector<Pair> pairs;
  std::vector<std::size_t> contacts_alone;  ///< Connected, never recorded.
  std::vector<std::size_t> seen_alone;      ///< Recorded, never connected.
};

/// Pairs connection by connection. A local address and port may have been used several times: the
/// first use is paired with the first record, and so on.
Match match(std::span<const Contact> contacts, std::span<const SeenConnection> seen);

}  // namespace finack::storm
