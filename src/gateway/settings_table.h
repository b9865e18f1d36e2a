#pragma once
#include "config/scope.h"
#include "gateway/settings.h"

namespace finack::gateway {

/// Adds the gateway's rows (with flags) and parts to the root scope, bound to `settings`. A command
/// adds its process's own rows to the same scope.
void describe_gateway(config::Scope& scope, GatewaySettings& settings);

// The scopes inside of it; each is a file of its own.
void describe_listener(config::Scope& scope, ListenerSettings& listener);
void describe_cluster(config::Scope& scope, ClusterSettings& cluster);
void describe_route(config::Scope& scope, RouteSettings& route);

}  // namespace finack::gateway
