#pragma once
#include <string_view>

#include "finack/http/response_parser.h"

namespace finack::http {

/// Adds what a Keep-Alive field says to `offer`. The field has no standard of today: RFC 2068
/// 19.7.1.1 and what servers send, "timeout=5, max=100".
void read_keep_alive(std::string_view value, KeepAliveOffer& offer);

}  // namespace finack::http
