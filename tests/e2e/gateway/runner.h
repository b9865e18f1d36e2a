#pragma once
#include "e2e/gateway/case.h"
#include "e2e/support/case_runs.h"

namespace finack::gateway_matrix {

/// Starts upstreams and a gateway with a file written for the case, performs its act, waits for the
/// records, stops the gateway, and compares everything. At most 20 s. Any thread; several cases may
/// run at once.
e2e::Outcome run_case(const Case& what, const e2e::RunOptions& options);

}  // namespace finack::gateway_matrix
