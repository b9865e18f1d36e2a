#include "e2e/matrix/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace finack::matrix {
namespace {

/// One line of the list: all combinations of what ends, phases and ways must have a case.
struct Listed {
  const char* ends;  ///< c connection, r request
  const char* cause;
  const char* phases;
  const char* hows;
};

// Written by hand from docs/endings.md, sections 2 and 3: the causes of role S, without those that
// need a PROXY header, TLS, HTTP/2, an upgrade, a gateway, an observer or a configuration reload.
constexpr Listed kRows[] = {
    {"c", "ok.completed", "flush", "fin"},
    {"r", "ok.completed", "flush", "none"},
    {"c", "ok.peer_closed_idle", "idle", "fin"},
    {"c r", "ok.half_close_served", "flush", "fin"},

    {"c", "client.accept_aborted", "accept", "rst"},
    {"c", "client.silent", "fresh", "fin rst"},
    {"c r", "client.head_truncated", "head", "fin rst"},
    {"c r", "client.body_truncated", "body handling response", "fin rst"},
    {"c r", "client.left_waiting", "handling", "fin rst"},
    {"c r", "client.left_unproved", "handling", "fin"},
    {"c r", "client.left_receiving", "response", "fin rst"},
    {"c r", "client.left_flush", "flush", "rst"},
    {"c", "client.left_flush", "idle", "rst"},
    {"c", "client.reset_idle", "idle", "rst"},

    {"c", "timeout.first_byte", "fresh", "timeout"},
    {"c r", "timeout.head", "head", "timeout"},
    {"c r", "timeout.min_rate", "head body", "timeout"},
    {"c r", "timeout.body_idle", "body", "timeout"},
    {"c r", "timeout.body_total", "body", "timeout"},
    {"r", "timeout.handler", "handling", "timeout"},
    {"c r", "timeout.handler_stall", "response", "timeout"},
    {"c r", "timeout.response_stall", "response", "timeout"},
    {"c r", "timeout.response_total", "response", "timeout"},
    {"c r", "timeout.flush", "flush", "timeout"},
    {"c", "timeout.idle", "idle", "timeout"},
    {"c", "timeout.idle_raced", "idle", "timeout"},
    {"c", "timeout.lifetime", "fresh handling response idle", "timeout"},
    {"c r", "timeout.drain", "head body handling response", "timeout"},

    {"c r", "policy.bad_request", "head body", "reply"},
    {"c r", "policy.smuggling", "head body", "reply"},
    {"c r", "policy.head_too_large", "head", "reply"},
    {"c r", "policy.body_too_large", "head body", "reply"},
    {"c", "policy.connection_limited", "accept", "fin"},
    {"c", "policy.request_limit", "flush", "fin"},
    {"c", "policy.idle_evicted", "idle", "fin"},
    {"c r", "policy.half_close_cancelled", "handling", "reply"},
    {"c r", "policy.early_reply", "handling", "reply"},

    {"r", "policy.no_route", "handling", "reply"},
    {"r", "policy.overload_shed", "handling", "reply"},
    {"c r", "app.abort", "handling", "rst"},
    {"r", "app.failed", "handling", "reply"},
    {"r", "app.no_reply", "handling", "reply"},
    {"c r", "app.body_short", "response", "fin"},
    {"c r", "app.body_over", "response", "fin"},

    {"c", "network.vanished", "idle", "timeout"},
    {"c r", "network.vanished", "handling response flush", "timeout"},
    {"c r", "network.unreachable", "response", "unreachable"},
    {"c", "network.unreachable", "idle", "unreachable"},

    {"c", "resource.descriptors", "accept", "fin"},

    {"c", "operator.shutdown", "fresh handling idle", "fin"},
    {"c r", "operator.shutdown_forced", "handling response", "rst"},
    {"c r", "operator.killed", "handling response", "rst"},
    {"c", "operator.killed", "idle", "rst"},
};

std::vector<std::string> words(const char* text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

std::set<std::string> listed_rows() {
  std::set<std::string> out;
  for (const Listed& line : kRows) {
    for (const std::string& ends : words(line.ends)) {
      for (const std::string& phase : words(line.phases)) {
        for (const std::string& how : words(line.hows)) {
          out.insert(fmt::format("{} {} in {} by {}", ends, line.cause, phase, how));
        }
      }
    }
  }
  return out;
}

bool is_row(const Row& row, const Claim& claim) {
  return row.cause == claim.cause && row.phase == claim.phase && row.how == claim.how;
}

}  // namespace

std::vector<std::string> check_coverage(const std::vector<Case>& cases) {
  std::vector<std::string> out;
  const std::set<std::string> listed = listed_rows();
  std::set<std::string> missing = listed;
  std::set<std::string> names;
  for (const Case& each : cases) {
    if (!names.insert(each.name).second) out.push_back(fmt::format("two cases {}", each.name));
    for (const Claim& claim : each.claims) {
      const std::string row = fmt::format("{} in {} by {}", claim.cause, claim.phase, claim.how);
      bool expected = false;
      const auto meets = [&](const char* ends, const Row& got) {
        if (!is_row(got, claim)) return;
        expected = true;
        const std::string key = fmt::format("{} {}", ends, row);
        if (!listed.contains(key)) {
          out.push_back(fmt::format("{} claims {}, which is not in the list", each.name, key));
        }
        missing.erase(key);
      };
      for (const auto* part : {&each.expected, &each.from_act}) {
        for (const Expected& peer : *part) {
          meets("c", peer.connection);
          for (const Row& request : peer.requests) meets("r", request);
        }
      }
      for (const Row& connection : each.peerless) meets("c", connection);
      if (!expected) {
        out.push_back(fmt::format("{} claims {}, but does not expect it", each.name, row));
      }
    }
  }
  for (const std::string& row : missing) out.push_back(fmt::format("no case for {}", row));
  return out;
}

}  // namespace finack::matrix
