#include "e2e/matrix/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace finack::matrix {
namespace {

namespace json = boost::json;
using e2e::Differences;
using e2e::number_of;
using e2e::text_of;

/// What holds for every connection, whatever ended it: what the peer has counted bounds our books.
void byte_counts(Differences& out, const json::object& record, const Peer& peer) {
  const std::uint64_t in = number_of(record, "bytes_in");
  const std::uint64_t sent = number_of(record, "bytes_out");
  if (in > peer.sent()) {
    out.add("bytes_in", fmt::format("at most the {} that the peer sent", peer.sent()),
            fmt::format("{}", in));
  }
  if (sent < peer.received()) {
    out.add("bytes_out", fmt::format("at least the {} that the peer read", peer.received()),
            fmt::format("{}", sent));
  }
}

void append(std::vector<std::string>& out, std::vector<std::string> more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

const json::object* connection_of(const Records& records, const Peer& peer, std::size_t& count) {
  const json::object* found = nullptr;
  count = 0;
  for (const json::object& record : records.connections) {
    if (text_of(record, "peer") != peer.address()) continue;
    found = &record;
    ++count;
  }
  return found;
}

std::vector<const json::object*> requests_of(const Records& records, const std::string& id) {
  std::vector<const json::object*> out;
  for (const json::object& record : records.requests) {
    if (text_of(record, "connection") == id) out.push_back(&record);
  }
  return out;
}

void compare_requests(std::vector<std::string>& out, const Records& records,
                      const json::object& connection, const Expected& expected,
                      const std::string& what) {
  const auto got = requests_of(records, text_of(connection, "id"));
  if (got.size() != expected.requests.size()) {
    out.push_back(fmt::format("    {}: {} request record(s) expected, got {}", what,
                              expected.requests.size(), got.size()));
    for (const json::object* record : got) {
      out.push_back(fmt::format("      {}", json::serialize(*record)));
    }
    return;
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Row& row = expected.requests[i];
    Differences differences(fmt::format("{} request {}", what, i + 1), *got[i]);
    differences.ending(row);
    append(out, differences.take());
  }
}

/// Records whose connection never had a peer that we could name.
void compare_peerless(std::vector<std::string>& out, const Records& records,
                      const std::vector<Row>& rows, const std::deque<Peer>& peers) {
  std::size_t next = 0;
  for (const json::object& record : records.connections) {
    const std::string address = text_of(record, "peer");
    const auto is_it = [&](const Peer& peer) { return peer.address() == address; };
    if (std::ranges::any_of(peers, is_it)) continue;
    if (next == rows.size()) {
      out.push_back(fmt::format("    a connection of nobody: {}", json::serialize(record)));
      continue;
    }
    Differences differences("connection without a peer", record);
    const Row& row = rows[next++];
    differences.ending(row);
    differences.kernel_view(row);
    differences.range("requests", 0, 0);
    append(out, differences.take());
  }
}

}  // namespace

bool all_there(const Records& records, const std::vector<Expected>& expected, const Case& what) {
  std::size_t requests = 0;
  for (const Expected& each : expected) requests += each.requests.size();
  return records.connections.size() >= expected.size() + what.peerless.size() &&
         records.requests.size() >= requests && records.findings.size() >= what.findings.size();
}

std::vector<std::string> compare_findings(const Records& records,
                                          const std::vector<ExpectedFinding>& expected) {
  std::vector<std::string> out;
  std::vector<const json::object*> left;
  for (const json::object& finding : records.findings) left.push_back(&finding);
  for (const ExpectedFinding& wanted : expected) {
    const auto at = std::ranges::find_if(left, [&](const json::object* got) {
      const std::uint64_t duration = number_of(*got, "duration_us");
      return text_of(*got, "finding") == wanted.name && text_of(*got, "route") == wanted.route &&
             duration >= wanted.duration_min_us && duration <= wanted.duration_max_us;
    });
    if (at != left.end()) {
      left.erase(at);
    } else {
      out.push_back(fmt::format("    {} of {} after {} to {} us expected, and not found",
                                wanted.name, wanted.route, wanted.duration_min_us,
                                wanted.duration_max_us));
    }
  }
  for (const json::object* got : left) {
    if (text_of(*got, "finding") == "finding.loop_blocked") continue;
    out.push_back(fmt::format("    a finding that nobody expects: {}", json::serialize(*got)));
  }
  return out;
}

std::vector<std::string> compare(const Records& records, const std::vector<Expected>& expected,
                                 const std::vector<Row>& peerless, const std::deque<Peer>& peers) {
  std::vector<std::string> out;
  for (const std::string& line : records.broken) {
    out.push_back(fmt::format("    not a record: {}", line));
  }
  for (std::size_t i = 0; i < expected.size() && i < peers.size(); ++i) {
    const std::string what = expected.size() == 1 ? "connection" : fmt::format("peer {}", i + 1);
    std::size_t count = 0;
    const json::object* record = connection_of(records, peers[i], count);
    if (count != 1) {
      out.push_back(fmt::format("    {}: one connection record expected ({} {}), got {}", what,
                                expected[i].connection.cause, peers[i].address(), count));
      continue;
    }
    Differences differences(what, *record);
    differences.ending(expected[i].connection);
    byte_counts(differences, *record, peers[i]);
    differences.kernel_view(expected[i].connection);
    const std::size_t requests = expected[i].requests.size();
    differences.range("requests", requests, requests);
    append(out, differences.take());
    compare_requests(out, records, *record, expected[i], what);
  }
  if (expected.size() != peers.size()) {
    out.push_back(fmt::format("    the case expects {} peer(s), its act made {}", expected.size(),
                              peers.size()));
  }
  compare_peerless(out, records, peerless, peers);
  if (records.connections.size() != expected.size() + peerless.size()) {
    out.push_back(fmt::format("    {} connection record(s) expected, got {}",
                              expected.size() + peerless.size(), records.connections.size()));
  }
  return out;
}

}  // namespace finack::matrix
