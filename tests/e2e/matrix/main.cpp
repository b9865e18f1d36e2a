#include <fmt/format.h>

#include "e2e/matrix/coverage.h"
#include "e2e/matrix/runner.h"

namespace finack::matrix {
namespace {

std::vector<e2e::NamedRun> runs_of(const std::vector<Case>& cases) {
  std::vector<e2e::NamedRun> out;
  for (const Case& each : cases) {
    e2e::NamedRun& run = out.emplace_back();
    run.name = each.name;
    for (const Claim& claim : each.claims)
      run.about.push_back(fmt::format("{} in {} by {}", claim.cause, claim.phase, claim.how));
    run.run = [&each](const RunOptions& options) { return run_case(each, options); };
  }
  return out;
}

}  // namespace
}  // namespace finack::matrix

int main(int count, char** arguments) {
  const std::vector<finack::matrix::Case> cases = finack::matrix::all_cases();
  return finack::e2e::run_matrix(count, arguments, finack::matrix::runs_of(cases),
                                 finack::matrix::check_coverage(cases));
}
