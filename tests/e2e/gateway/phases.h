#pragma once
#include <string>
#include <vector>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {

/// A phase of a dialed connection as an act reaches it with one client's request, and what that
/// means for everybody.
struct PhasePlace {
  std::string phase;
  std::string server_phase;  ///< Of the request meanwhile.
  std::string delivered;     ///< Of the dialed connection, when it ends there.
  std::string handed;        ///< Of the try, when it is given up there.
  bool dialing = false;      ///< The connection is not the request's yet.
};

/// From `resolve` to `body`.
const std::vector<PhasePlace>& phase_places();

/// A case in which one request gets as far as that phase: its network, servers and settings.
Case at(const PhasePlace& place, std::string name);

/// The client whose request is there; `stage.upstream().connections()` has the other end, if any.
Peer& reach(Stage& stage, const PhasePlace& place);

/// The dialed connection when only its request was given up there: dialing goes on for the next
/// one, until the gateway stops.
Row dial_stopped(const PhasePlace& place);

}  // namespace finack::gateway_matrix
