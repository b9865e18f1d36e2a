#include "e2e/gateway/coverage.h"

#include <fmt/format.h>

#include <map>
#include <span>

#include "e2e/gateway/exclusions.h"
#include "finack/record/cause.h"

namespace finack::gateway_matrix {
namespace {

using e2e::ExclusionTable;
using e2e::Listed;

/// Of several phases that a row allows, the first.
Listed listed(const char* ends, const Row& row) {
  return {ends, row.cause, row.phase.substr(0, row.phase.find('|')), row.how};
}

/// What only a proxied request can do to the accepted side: the other matrix has no case for it.
bool is_of_gateway(const Listed& row) {
  return row.phase == "queue" || row.phase == "tunnel" || row.cause == "policy.other_leg" ||
         row.cause == "timeout.request_total" || row.cause == "upstream.retries_spent" ||
         row.cause == "upstream.replay_impossible";
}

std::set<Listed> accepted_rows(const Case& each) {
  std::set<Listed> out;
  for (const Front& front : each.fronts) {
    out.insert(listed("c", front.connection));
    for (const Proxied& request : front.requests) out.insert(listed("r", request.record));
  }
  return out;
}

void check_dialed(const std::vector<Case>& cases, std::vector<std::string>& out) {
  const std::set<Listed> listed = e2e::listed_rows(record::Role::client);
  std::map<Listed, std::string> covered;
  for (const Case& each : cases)
    for (const Listed& row : covered_rows(each)) covered.emplace(row, each.name);
  e2e::check_rows(covered, listed, ExclusionTable(exclusions(), listed, out), out);
}

/// Requests may end with what ended their last try, which the list has for the dialed side only.
void check_accepted(const std::vector<Case>& cases, std::vector<std::string>& out) {
  std::set<Listed> required;
  for (const Listed& row : e2e::listed_rows(record::Role::server))
    if (is_of_gateway(row)) required.insert(row);
  std::map<Listed, std::string> covered;
  for (const Case& each : cases)
    for (const Listed& row : accepted_rows(each))
      if (required.contains(row)) covered.emplace(row, each.name);
  e2e::check_rows(covered, required, ExclusionTable(accepted_exclusions(), required, out), out);
}

}  // namespace

std::set<Listed> covered_rows(const Case& each) {
  std::set<Listed> out;
  for (const Row& connection : each.dialed) out.insert(listed("c", connection));
  for (const Front& front : each.fronts)
    for (const Proxied& request : front.requests)
      for (const Try& one : request.tries) out.insert(listed("r", one.record));
  return out;
}

std::vector<std::string> check_coverage(const std::vector<Case>& cases) {
  std::vector<std::string> out;
  std::set<std::string> names;
  for (const Case& each : cases)
    if (!names.insert(each.name).second) out.push_back(fmt::format("two cases {}", each.name));
  check_dialed(cases, out);
  check_accepted(cases, out);
  return out;
}

}  // namespace finack::gateway_matrix
