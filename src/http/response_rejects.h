#pragma once
#include "finack/http/reject.h"
#include "finack/http/response_reject.h"

namespace finack::http {

/// What a response is refused for when code that it shares with requests gives `reject`: the reason
/// of the same name. `reject` is one of fields, framing or chunked bodies.
ResponseReject response_reject(Reject reject);

}  // namespace finack::http
