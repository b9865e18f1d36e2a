#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "e2e/matrix/stage.h"

namespace finack::matrix {

/// What a record must say, written by hand from the act. The words are those of docs/endings.md.
struct Row {
  std::string ended_by;
  std::string how;
  std::string phase;
  std::string cause;
  std::string severity;
  std::string delivered;
  std::uint64_t undelivered_min = 0;
  std::uint64_t undelivered_max = 0;
  int status = -1;  ///< Requests only; -1: not looked at.
  /// Evidence by key; the value "*" asks only that the key is there, "" that it is not.
  std::vector<std::pair<std::string, std::string>> evidence;

  Row&& undelivered(std::uint64_t min, std::uint64_t max) &&;
  Row&& with(std::string key, std::string value) &&;
  Row&& answered(int with_status) &&;
};

/// All fields in the order in which docs/endings.md names them.
Row row(std::string_view ended_by, std::string_view how, std::string_view phase,
        std::string_view cause, std::string_view severity, std::string_view delivered);

// The rows that most acts meet on their way to something else.
Row served();        ///< A keep-alive request that completed: handed to the kernel.
Row served_last();   ///< The same before an agreed close: its acknowledgement was read.
Row agreed_close();  ///< The connection after `Connection: close` or HTTP/1.0.
Row closed_idle();   ///< The connection that its client closed between requests.

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

inline constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

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
