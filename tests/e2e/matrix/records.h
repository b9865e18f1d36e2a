#pragma once
#include <string>
#include <vector>

#include "e2e/matrix/case.h"
#include "e2e/support/record_lines.h"

namespace finack::matrix {

using e2e::read_records;
using e2e::Records;

/// Holds the findings against those that the case expects: each once, and no others. Only
/// finding.loop_blocked may come beside them: a busy machine may stop any thread.
std::vector<std::string> compare_findings(const Records& records,
                                          const std::vector<ExpectedFinding>& expected);

/// Holds the records against what the peers of the act must have left behind. Returns the
/// differences, one a line, with the record lines they stand in; empty: none.
std::vector<std::string> compare(const Records& records, const std::vector<Expected>& expected,
                                 const std::vector<Row>& peerless, const std::deque<Peer>& peers);

/// Whether as many records have come as are expected. More are found by compare().
bool all_there(const Records& records, const std::vector<Expected>& expected, const Case& what);

}  // namespace finack::matrix
