#include "e2e/gateway/coverage.h"
#include "e2e/gateway/runner.h"

namespace finack::gateway_matrix {
namespace {

std::vector<e2e::NamedRun> runs_of(const std::vector<Case>& cases) {
  std::vector<e2e::NamedRun> out;
  for (const Case& each : cases) {
    e2e::NamedRun& run = out.emplace_back();
    run.name = each.name;
    for (const e2e::Listed& one : covered_rows(each)) run.about.push_back(one.text());
    run.run = [&each](const e2e::RunOptions& options) { return run_case(each, options); };
  }
  return out;
}

}  // namespace
}  // namespace finack::gateway_matrix

int main(int count, char** arguments) {
  using namespace finack::gateway_matrix;
  const std::vector<Case> cases = all_cases();
  return finack::e2e::run_matrix(count, arguments, runs_of(cases), check_coverage(cases));
}
