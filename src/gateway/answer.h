#pragma once
#include "finack/http/exchange.h"
#include "finack/record/ending.h"

namespace finack::gateway {

/// Answers with a short text and an error of ours or the upstream's as the request's cause.
void answer(http::Exchange& exchange, int status, record::Cause cause);

/// What a client is told when its request failed upstream for this cause: 502, 503 or 504.
int status_of(record::Cause cause);

}  // namespace finack::gateway
