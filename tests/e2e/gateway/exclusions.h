#pragma once
#include <span>

#include "e2e/support/listed_rows.h"

namespace finack::gateway_matrix {

/// Rows of dialed connections and tries that no case can meet.
std::span<const e2e::Exclusion> exclusions();
/// The same for the rows of accepted connections and requests that only a gateway has.
std::span<const e2e::Exclusion> accepted_exclusions();

}  // namespace finack::gateway_matrix
