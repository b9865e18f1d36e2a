#pragma once
#include <compare>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "finack/record/ending.h"

namespace finack::e2e {

/// Rows of the list of causes that no case can meet. Each field but the reason is a list of words;
/// all combinations of them are excluded. `*` at the end of a word stands for any ending of it.
struct Exclusion {
  const char* ends;  ///< c connection, r request
  const char* causes;
  const char* phases;
  const char* hows;
  const char* reason;
};

/// One ending as the closed list allows it: the smallest thing that has a case or an exclusion.
struct Listed {
  std::string ends;  ///< c connection, r request
  std::string cause;
  std::string phase;
  std::string how;

  auto operator<=>(const Listed&) const = default;
  std::string text() const;
};

/// All that the list of causes allows connections of this role, and their requests, to end with.
std::set<Listed> listed_rows(record::Role role);

/// Rows by the exclusions that name them: of several, the first.
class ExclusionTable {
 public:
  /// Complains of each combination that excludes no row of its own.
  ExclusionTable(std::span<const Exclusion> exclusions, const std::set<Listed>& listed,
                 std::vector<std::string>& complaints);

  bool contains(const Listed& row) const { return reasons_.contains(row); }
  std::string_view reason(const Listed& row) const { return reasons_.at(row); }

 private:
  bool add(const Exclusion& line, const Listed& pattern, const std::set<Listed>& listed);

  std::map<Listed, std::string_view> reasons_;
};

/// Holds what cases cover against the list: adds to `complaints` each row outside the list, each
/// that is excluded too, and each listed row that has neither case nor exclusion.
void check_rows(const std::map<Listed, std::string>& covered, const std::set<Listed>& listed,
                const ExclusionTable& excluded, std::vector<std::string>& complaints);

}  // namespace finack::e2e
