#pragma once
#include <span>

namespace finack::matrix {

/// Rows of the list of causes that no case can meet. Each field but the reason is a list of words;
/// all combinations of them are excluded. `*` at the end of a word stands for any ending of it.
struct Exclusion {
  const char* ends;  ///< c connection, r request
  const char* causes;
  const char* phases;
  const char* hows;
  const char* reason;
};

struct FindingExclusion {
  const char* finding;
  const char* reason;
};

std::span<const Exclusion> exclusions();
std::span<const FindingExclusion> finding_exclusions();

}  // namespace finack::matrix
