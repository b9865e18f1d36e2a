#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "finack/base/address.h"
#include "finack/http/message.h"

namespace finack::route {

class Engine;

/// An address range, "10.0.0.0/8".
struct Network {
  Address base;
  unsigned bits = 0;
  bool contains(const Address& address) const;
};

/// "10.0.0.0/8", "fd00::/8" or one address; IPv6 may stand in brackets, a port may not. nullopt for
/// anything else.
std::optional<Network> parse_network(std::string_view text);

/// An entry of X-Forwarded-For or a node of Forwarded: an address, whose port is of no matter and
/// may be anything ("203.0.113.9:_a1", RFC 7239 6.3). nullopt: it is no address.
std::optional<Address> parse_forwarded_address(std::string_view text);

/// The client's address as text: the peer's, or, when the peer is a proxy that `engine` trusts, the
/// right-most address of X-Forwarded-For that is not. An entry that is no address ends the walk:
/// what stands left of it cannot be believed.
std::string client_address(const Engine& engine, const Address& peer,
                           std::span<const http::Header> headers);

}  // namespace finack::route
