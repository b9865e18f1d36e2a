#pragma once
#include "finack/base/address.h"

namespace finack::net {

/// Whether the kernel knows a way to an IP address: false where this host has no address of that
/// family, or no route. Sends nothing.
bool has_route(const Address& address);

}  // namespace finack::net
