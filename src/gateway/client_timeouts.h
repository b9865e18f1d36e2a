#pragma once

#include "config/scope.h"
#include "gateway/cluster_settings.h"
#include "gateway/route_settings.h"

namespace finack::gateway {

// Both are made from one list, so that a route can override every wait of its cluster.
void describe_client_timeouts(config::Scope& scope, ClientTimeouts& timeouts);
void describe_route_timeouts(config::Scope& scope, RouteTimeouts& timeouts);

}  // namespace finack::gateway
