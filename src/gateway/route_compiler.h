#pragma once
#include <cstddef>
#include <expected>
#include <string>

#include "gateway/route.h"

namespace finack::gateway {

/// Makes a route ready: paths as requests' paths are read, regexes compiled (RE2, at most 1 MiB
/// each). The error is half a sentence for a person.
std::expected<Route, std::string> compile_route(RouteSettings settings, std::size_t index);

}  // namespace finack::gateway
