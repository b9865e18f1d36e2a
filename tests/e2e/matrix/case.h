#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "e2e/matrix/stage.h"
#include "e2e/support/row.h"

namespace finack::matrix {

using e2e::agreed_close;
using e2e::closed_idle;
using e2e::kAny;
using e2e::Row;
using e2e::row;
using e2e::served;
using e2e::served_last;

/// What one peer of the act must leave behind: one connection record and its request records.
struct Expected {
  Row connection;
  std::vector<Row> requests;
};

/// A finding that the act brings about, once.
struct ExpectedFinding {
  std::string name;
  std::string route;
  std::uint64_t duration_min_us = 0;
  std::uint64_t duration_max_us = 0;
};

/// One row of the list of endings that a case stands for.
struct Claim {
  std::string cause;
  std::string phase;
  std::string how;
};

struct Case {
  std::string name;
  std::vector<Claim> claims;
  std::vector<std::string> flags;  ///< Of the server, after the usual ones.
  std::function<void(Stage&)> act;
  std::vector<Expected> expected{};  ///< One for each peer, in the order in which they connect.
  std::vector<Expected> from_act{};  ///< What Stage::expect() may add, for the claims.
  std::vector<Row> peerless{};       ///< Connection records of no peer of the act.
  std::vector<ExpectedFinding> findings{};  ///< All that may be found.
  int exit_status = 0;                      ///< Of the server.
  std::uint64_t descriptors = 0;            ///< The server's RLIMIT_NOFILE; 0: as ours.
  bool own_network = false;                 ///< Runs in a network namespace of its own.
};

// One function for each file of cases.
std::vector<Case> plain_cases();
std::vector<Case> truncated_cases();
std::vector<Case> leaving_cases();
std::vector<Case> half_close_cases();
std::vector<Case> read_timeout_cases();
std::vector<Case> write_timeout_cases();
std::vector<Case> budget_cases();
std::vector<Case> refusal_cases();
std::vector<Case> limit_cases();
std::vector<Case> app_cases();
std::vector<Case> network_cases();
std::vector<Case> operator_cases();

/// All of them.
std::vector<Case> all_cases();

}  // namespace finack::matrix
