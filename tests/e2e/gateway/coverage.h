#pragma once
#include <set>
#include <string>
#include <vector>

#include "e2e/gateway/case.h"
#include "e2e/support/listed_rows.h"

namespace finack::gateway_matrix {

/// The rows of the dialed side that a case stands for: what it expects is compared field by field.
std::set<e2e::Listed> covered_rows(const Case& each);

/// Holds the cases against the closed list of causes, as the code has it: whatever may end a dialed
/// connection or a try, in each phase and way that the list allows, and whatever may end an
/// accepted request only where there is a gateway, has a case or an exclusion with its reason.
/// Returns what is wrong; empty: nothing.
std::vector<std::string> check_coverage(const std::vector<Case>& cases);

}  // namespace finack::gateway_matrix
