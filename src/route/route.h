#pragma once
#include <string>
#include <vector>

#include "finack/http/exchange.h"
#include "finack/route/group.h"

namespace finack::route {

/// One registered route, or one of the engine's own answers (404, 405, redirect). Never moves.
struct Route {
  http::RouteLabel label;
  http::Method method = http::Method::other;
  std::string method_name;
  std::vector<std::string> param_names;
  HandlerList owned;                             ///< Keeps the callables alive.
  std::vector<const HandlerFunction*> handlers;  ///< Middleware first; what the chain runs.
  bool gather_body = true;  ///< The last handler is no coroutine: it gets the whole body.
  bool may_wait = false;    ///< A handler is a coroutine or blocking.
};

}  // namespace finack::route
