#pragma once
#include "e2e/matrix/case.h"
#include "e2e/support/case_runs.h"

namespace finack::matrix {

using e2e::Outcome;
using e2e::RunOptions;

/// Starts a server, performs the case's act against it, waits for its records, stops it, and
/// compares everything. At most 20 s. Any thread; several cases may run at once.
Outcome run_case(const Case& what, const RunOptions& options);

}  // namespace finack::matrix
