#pragma once
#include <string_view>

#include "finack/record/cause.h"
#include "route/byte_arena.h"

namespace finack::gateway {

/// The type of a proxy's error that says most of a cause (RFC 9209 2.3); "" where none fits.
std::string_view proxy_error(record::Cause cause);

/// A value of Proxy-Status (RFC 9209 2): `name; error=type; details="cause"`. The arena's.
std::string_view write_proxy_status(std::string_view name, record::Cause cause,
                                    route::ByteArena& arena);

}  // namespace finack::gateway
