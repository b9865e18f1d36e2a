#pragma once
#include <string>

#include "finack/http/exchange.h"

namespace finack::gateway {

/// The process's one label of that pattern. Records name routes after the request, and with it the
/// plan that had them, is gone: so labels live as long as the process, and a reload that brings the
/// same names adds none. Any thread.
const http::RouteLabel& route_label(const std::string& pattern);

}  // namespace finack::gateway
