#include "e2e/matrix/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "e2e/matrix/exclusions.h"
#include "e2e/matrix/sequences.h"
#include "finack/record/cause.h"

namespace finack::matrix {
namespace {

/// One ending as the closed list allows it: the smallest thing that has a case or an exclusion.
struct Listed {
  std::string ends;  ///< c connection, r request
  std::string cause;
  std::string phase;
  std::string how;

  auto operator<=>(const Listed&) const = default;
  std::string text() const {
    return fmt::format("{} {} in {} by {}", ends == "c" ? "connection" : "request", cause, phase,
                       how);
  }
};

std::vector<std::string> words(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

/// All that the list of causes allows an accepted connection and its requests to end with.
std::set<Listed> listed_rows() {
  std::set<Listed> out;
  for (const record::CauseInfo& info : record::all_causes()) {
    if (!info.server) continue;
    for (std::size_t i = 0; i < record::kPhaseCount; ++i) {
      const auto phase = static_cast<record::Phase>(i);
      if (!info.server_phases.contains(phase)) continue;
      for (const std::string& how : words(info.how)) {
        const Listed row{"", std::string(info.name), std::string(record::name(phase)), how};
        if (info.ends_connection) out.insert({"c", row.cause, row.phase, row.how});
        if (info.ends_request) out.insert({"r", row.cause, row.phase, row.how});
      }
    }
  }
  return out;
}

/// "*" is every word, "kernel.*" every word that begins like that.
bool matches(std::string_view pattern, std::string_view word) {
  if (!pattern.ends_with('*')) return pattern == word;
  return word.starts_with(pattern.substr(0, pattern.size() - 1));
}

/// Rows by the exclusions that name them.
class Exclusions {
 public:
  Exclusions(std::vector<std::string>& complaints, const std::set<Listed>& listed)
      : complaints_(complaints), listed_(listed) {
    for (const Exclusion& line : exclusions()) {
      for (const std::string& cause : words(line.causes)) {
        for (const std::string& ends : words(line.ends)) {
          for (const std::string& phase : words(line.phases)) {
            for (const std::string& how : words(line.hows)) add(line, {ends, cause, phase, how});
          }
        }
      }
    }
  }

  bool contains(const Listed& row) const { return reasons_.contains(row); }
  std::string_view reason(const Listed& row) const { return reasons_.at(row); }

 private:
  void add(const Exclusion& line, const Listed& pattern) {
    bool is_needed = false;
    for (const Listed& row : listed_) {
      if (row.ends != pattern.ends || !matches(pattern.cause, row.cause) ||
          !matches(pattern.phase, row.phase) || !matches(pattern.how, row.how)) {
        continue;
      }
      is_needed |= reasons_.emplace(row, line.reason).second;
    }
    if (is_needed) return;
    complaints_.push_back(fmt::format("the exclusion of {} excludes no row (of its own): {}",
                                      pattern.text(), line.reason));
  }

  std::vector<std::string>& complaints_;
  const std::set<Listed>& listed_;
  std::map<Listed, std::string_view> reasons_;
};

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
  const std::set<Listed> listed = listed_rows();
  const Exclusions excluded(out, listed);
  std::set<Listed> missing = listed;
  for (const Case& each : cases) {
    for (const Listed& row : covered_rows(each)) {
      if (!listed.contains(row)) {
        out.push_back(fmt::format("{} expects {}, which is not in the list of causes", each.name,
                                  row.text()));
      } else if (excluded.contains(row)) {
        out.push_back(fmt::format("{} meets {}, which is excluded: {}", each.name, row.text(),
                                  excluded.reason(row)));
      }
      missing.erase(row);
    }
  }
  for (const Listed& row : missing) {
    if (!excluded.contains(row)) out.push_back(fmt::format("no case for {}", row.text()));
  }
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
