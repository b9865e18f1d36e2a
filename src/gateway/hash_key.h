#pragma once
#include <cstdint>
#include <span>

#include "finack/base/address.h"
#include "finack/http/message.h"
#include "gateway/cluster_settings.h"

namespace finack::gateway {

/// What a request is hashed by: the first value of the header or cookie that the settings name; the
/// client's address (without port) where they name none or the request has none.
std::uint64_t hash_key(const HashSettings& settings, std::span<const http::Header> headers,
                       const Address& client);

}  // namespace finack::gateway
