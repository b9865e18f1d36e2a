#pragma once
#include <re2/re2.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "finack/http/exchange.h"
#include "gateway/path_rewrite.h"
#include "gateway/route_settings.h"
#include "gateway/split.h"

namespace finack::gateway {

/// A route ready for use. Constant once made; any thread. It lives as long as its Router.
struct Route {
  std::size_t index = 0;  ///< In the file's order; for tables beside the router.
  RouteSettings settings;
  /// Its name, or what it matches; lives as long as the process.
  const http::RouteLabel* label = nullptr;
  std::unique_ptr<const RE2> regex;  ///< Of match.regex.
  std::optional<PathRewrite> rewrite;
  std::optional<Split> split;
};

}  // namespace finack::gateway
