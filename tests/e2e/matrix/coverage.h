#pragma once
#include <string>
#include <vector>

#include "e2e/matrix/case.h"

namespace finack::matrix {

/// Holds the cases against the closed lists of causes and findings, as the code has them: whatever
/// may end an accepted connection or its request, in each phase and way that the list allows, and
/// each finding, has a case or an exclusion with its reason. Returns what is wrong: a row without
/// either, a row with both, an exclusion that excludes nothing, an expectation outside the list, a
/// claim that its case does not expect, two cases of one name. Empty: nothing.
std::vector<std::string> check_coverage(const std::vector<Case>& cases);

}  // namespace finack::matrix
