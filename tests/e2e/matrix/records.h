#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "e2e/matrix/case.h"

namespace finack::matrix {

/// The record lines of a server, as far as they are about traffic.
struct Records {
  std::vector<boost::json::object> connections;
  std::vector<boost::json::object> requests;
  std::vector<boost::json::object> findings;
  std::vector<std::string> broken;  ///< Lines that are no record: never expected.
};

/// Reads the file as it stands now; a last line without its newline is left out.
Records read_records(const std::string& path);

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
