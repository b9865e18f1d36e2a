#pragma once
#include "finack/record/ending.h"

namespace finack::http {

/// The status that tells a client of a request that ends with `cause`; 0: none does, the response
/// is cut.
int status_of(record::Cause cause);

/// Causes that decide on the upstream's side of a proxied request. What its accepted connection
/// then ends with is policy.other_leg.
bool of_other_leg(record::Cause cause);

}  // namespace finack::http
