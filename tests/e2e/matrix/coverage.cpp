#include "e2e/matrix/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "e2e/matrix/exclusions.h"
#include "e2e/matrix/sequences.h"
#include "e2e/support/listed_rows.h"
#include "finack/record/cause.h"

namespace finack::matrix {
namespace {

using e2e::ExclusionTable;
using e2e::Listed;

bool is_claimed(const Case& each, const Claim& claim) {
  const auto is_it = [&](const Row& row) {
    return row.cause == claim.cause && row.phase == claim.phase && row.how == claim.how;
  };
  for (const auto* part : {&each.expected, &each.from_act}) {
    for (const Expected& peer : *part) {
      if (is_it(peer.connection)) return true;
      for (const Row& request : peer.requests) {
        if (is_it(request)) return true;
      }
    }
  }
  for (const Row& connection : each.peerless) {
    if (is_it(connection)) return true;
  }
  return false;
}

/// What a case expects is compared field by field, so it covers its row, claimed or not.
std::set<Listed> covered_rows(const Case& each) {
  std::set<Listed> out;
  const auto add = [&](const char* ends, const Row& row) {
    out.insert({ends, row.cause, row.phase, row.how});
  };
  for (const auto* part : {&each.expected, &each.from_act}) {
    for (const Expected& peer : *part) {
      add("c", peer.connection);
      for (const Row& request : peer.requests) add("r", request);
    }
  }
  for (const Row& connection : each.peerless) add("c", connection);
  return out;
}

void check_causes(std::vector<std::string>& out, const std::vector<Case>& cases) {
  const std::set<Listed> listed = e2e::listed_rows(record::Role::server);
  const ExclusionTable excluded(exclusions(), listed, out);
  std::map<Listed, std::string> covered;
  for (const Case& each : cases) {
    for (const Listed& row : covered_rows(each)) covered.emplace(row, each.name);
  }
  e2e::check_rows(covered, listed, excluded, out);
}

void check_findings(std::vector<std::string>& out, const std::vector<Case>& cases) {
  std::map<std::string, std::string_view, std::less<>> excluded;
  for (const FindingExclusion& line : finding_exclusions()) {
    if (!record::parse_finding(line.finding)) {
      out.push_back(fmt::format("an exclusion of {}, which is no finding", line.finding));
    } else if (!excluded.emplace(line.finding, line.reason).second) {
      out.push_back(fmt::format("two exclusions of {}", line.finding));
    }
  }
  std::set<std::string, std::less<>> covered;
  for (const Case& each : cases) {
    for (const ExpectedFinding& finding : each.findings) covered.insert(finding.name);
  }
  for (const std::string& finding : covered) {
    if (!record::parse_finding(finding)) out.push_back(fmt::format("{} is no finding", finding));
    if (excluded.contains(finding)) {
      out.push_back(
          fmt::format("a case meets {}, which is excluded: {}", finding, excluded.at(finding)));
    }
  }
  for (const record::FindingInfo& info : record::all_findings()) {
    if (!covered.contains(info.name) && !excluded.contains(info.name)) {
      out.push_back(fmt::format("no case for {}", info.name));
    }
  }
}

/// Each sequence that decides between causes has its case, and that case expects the winner.
void check_sequences(std::vector<std::string>& out, const std::vector<Case>& cases) {
  for (const Sequence& sequence : sequences()) {
    const auto at =
        std::ranges::find_if(cases, [&](const Case& each) { return each.name == sequence.name; });
    if (at == cases.end()) {
      out.push_back(fmt::format("no case {} for: {}", sequence.name, sequence.what));
      continue;
    }
    const std::set<Listed> rows = covered_rows(*at);
    if (std::ranges::none_of(rows, [&](const Listed& row) { return row.cause == sequence.cause; }))
      out.push_back(
          fmt::format("{} does not expect {}, but: {}", at->name, sequence.cause, sequence.what));
  }
}

}  // namespace

std::vector<std::string> check_coverage(const std::vector<Case>& cases) {
  std::vector<std::string> out;
  std::set<std::string> names;
  for (const Case& each : cases) {
    if (!names.insert(each.name).second) out.push_back(fmt::format("two cases {}", each.name));
    for (const Claim& claim : each.claims) {
      if (is_claimed(each, claim)) continue;
      out.push_back(fmt::format("{} claims {} in {} by {}, but does not expect it", each.name,
                                claim.cause, claim.phase, claim.how));
    }
  }
  check_causes(out, cases);
  check_findings(out, cases);
  check_sequences(out, cases);
  return out;
}

}  // namespace finack::matrix
