#pragma once
#include <span>

#include "e2e/support/listed_rows.h"

namespace finack::matrix {

using e2e::Exclusion;

struct FindingExclusion {
  const char* finding;
  const char* reason;
};

std::span<const Exclusion> exclusions();
std::span<const FindingExclusion> finding_exclusions();

}  // namespace finack::matrix
