#pragma once
#include "gateway/board.h"
#include "gateway/plan.h"

namespace finack::cli {

/// The plan in force. From publish() on every request that a worker begins goes by the new plan.
using PlanBoard = gateway::Board<gateway::Plan>;

}  // namespace finack::cli
