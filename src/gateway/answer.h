#pragma once
#include <string_view>

#include "finack/http/exchange.h"
#include "finack/record/ending.h"

namespace finack::gateway {

/// Answers with a short text and an error of ours or the upstream's as the request's cause.
/// `proxy_status`: the value of that field; "": none. `evidence`: of the cause.
void answer(http::Exchange& exchange, int status, record::Cause cause,
            std::string_view proxy_status, const record::Evidence* evidence = nullptr);

}  // namespace finack::gateway
