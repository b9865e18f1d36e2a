#pragma once
#include <string>
#include <vector>

#include "e2e/gateway/case.h"
#include "e2e/support/record_lines.h"

namespace finack::gateway_matrix {

/// The records of a gateway, by role; the dialed connections in the order of their dials.
struct GatewayRecords {
  explicit GatewayRecords(e2e::Records records);

  std::vector<boost::json::object> accepted;
  std::vector<boost::json::object> dialed;
  std::vector<boost::json::object> requests;  ///< Of clients.
  std::vector<boost::json::object> tries;
  std::vector<std::string> strange;  ///< Lines that nobody expects.
};

/// How many records of each kind a case must leave behind.
struct Counts {
  explicit Counts(const Case& what);

  std::size_t accepted = 0;
  std::size_t dialed = 0;
  std::size_t kept = 0;  ///< Of those dialed: in the pool until the gateway is stopped.
  std::size_t requests = 0;
  std::size_t tries = 0;
};

/// Whether as many records have come as can before the gateway is stopped.
bool all_there(const GatewayRecords& records, const Counts& counts);

/// Holds the records against what the case expects: endings, tries, and that each leg names the
/// other. Returns the differences, with the record lines they stand in; empty: none.
std::vector<std::string> compare(const GatewayRecords& records, const Case& what, Stage& stage);

}  // namespace finack::gateway_matrix
