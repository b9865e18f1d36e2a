#pragma once
#include <string>
#include <vector>

#include "e2e/matrix/case.h"

namespace finack::matrix {

/// Holds the cases against the list of rows that an HTTP/1.1 plaintext server can meet. Returns
/// what is wrong: a row without a case, a claim that its case does not expect, a claim of no listed
/// row, two cases of one name. Empty: nothing.
std::vector<std::string> check_coverage(const std::vector<Case>& cases);

}  // namespace finack::matrix
