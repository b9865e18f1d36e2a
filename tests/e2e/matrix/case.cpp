#include "e2e/matrix/case.h"

#include <iterator>
#include <utility>

namespace finack::matrix {

void Stage::expect(Expected expected) { expected_.push_back(std::move(expected)); }

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& make : {plain_cases, truncated_cases, leaving_cases, half_close_cases,
                           read_timeout_cases, write_timeout_cases, budget_cases, refusal_cases,
                           limit_cases, app_cases, network_cases, operator_cases}) {
    std::vector<Case> some = make();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace finack::matrix
