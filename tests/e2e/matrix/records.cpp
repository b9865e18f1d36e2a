#include "e2e/matrix/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace finack::matrix {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return "";
  if (value->is_string()) return std::string(value->as_string());
  return json::serialize(*value);
}

std::uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<std::uint64_t>();
}

/// Collects differences of one record.
class Differences {
 public:
  Differences(std::string what, const json::object& record)
      : what_(std::move(what)), record_(record) {}

  void word(std::string_view key, const std::string& expected) {
    const std::string got = text_of(record_, key);
    if (got != expected) add(key, expected, got);
  }

  /// `expected`: words that may stand there, with '|' between them.
  void one_of(std::string_view key, const std::string& expected) {
    const std::string got = text_of(record_, key);
    for (std::string_view rest = expected;;) {
      const std::size_t end = rest.find('|');
      if (rest.substr(0, end) == got) return;
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
    }
    add(key, expected, got);
  }

  void range(std::string_view key, std::uint64_t min, std::uint64_t max) {
    const std::uint64_t got = number_of(record_, key);
    if (record_.if_contains(key) == nullptr || got < min || got > max) {
      add(key, min == max ? fmt::format("{}", min) : fmt::format("{}..{}", min, max),
          text_of(record_, key));
    }
  }

  void evidence(const std::string& key, const std::string& expected) {
    const json::value* evidence = record_.if_contains("evidence");
    std::string got;
    if (evidence != nullptr && evidence->is_object()) got = text_of(evidence->as_object(), key);
    if (expected == "*" ? got.empty() : got != expected) add("evidence." + key, expected, got);
  }

  void add(std::string_view field, std::string_view expected, std::string_view got) {
    lines_.push_back(fmt::format("    {}: {} expected {}, got {}", what_, field,
                                 expected.empty() ? "nothing" : expected,
                                 got.empty() ? "nothing" : got));
  }

  std::vector<std::string> take() {
    if (!lines_.empty()) lines_.push_back(fmt::format("      {}", json::serialize(record_)));
    return std::move(lines_);
  }

 private:
  std::string what_;
  const json::object& record_;
  std::vector<std::string> lines_;
};

void ending(Differences& out, const Row& row) {
  out.word("ended_by", row.ended_by);
  out.word("how", row.how);
  out.word("phase", row.phase);
  out.word("cause", row.cause);
  out.word("severity", row.severity);
  out.one_of("delivered", row.delivered);
  out.range("undelivered_bytes", row.undelivered_min, row.undelivered_max);
  for (const auto& [key, value] : row.evidence) out.evidence(key, value);
}

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

/// Whatever is not normal explains itself.
void explained(Differences& out, const json::object& record, const Row& row) {
  const bool present = !text_of(record, "explain").empty();
  if (present != (row.severity != "normal"))
    out.add("explain", row.severity == "normal" ? "" : "some sentences", present ? "some" : "");
}

/// The kernel's view of a socket that did not end well; who was shut out at accept has none left.
void kernel_view(Differences& out, const json::object& record, const Row& row) {
  const bool lived = row.severity != "normal" && row.phase != "accept";
  const json::value* tcp = record.if_contains("tcp");
  if (lived && (tcp == nullptr || !tcp->is_object() || text_of(tcp->as_object(), "state").empty()))
    out.add("tcp", "what the kernel knows", "");
  if (!lived && tcp != nullptr) out.add("tcp", "", text_of(record, "tcp"));
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
    ending(differences, row);
    explained(differences, *got[i], row);
    if (row.status >= 0) differences.word("status", fmt::format("{}", row.status));
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
    ending(differences, row);
    explained(differences, record, row);
    kernel_view(differences, record, row);
    differences.range("requests", 0, 0);
    append(out, differences.take());
  }
}

}  // namespace

Records read_records(const std::string& path) {
  Records out;
  const std::string text = e2e::read_text_file(path);
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    boost::system::error_code error;
    json::value value = json::parse(line, error);
    if (error || !value.is_object()) {
      out.broken.push_back(line);
      continue;
    }
    json::object& object = value.as_object();
    const std::string kind = text_of(object, "kind");
    if (kind == "finding") {
      out.findings.push_back(std::move(object));
    } else if (kind != "connection" && kind != "request") {
      out.broken.push_back(line);
    } else if (const std::string purpose = text_of(object, "purpose");
               purpose.empty() || purpose == "traffic") {
      (kind == "connection" ? out.connections : out.requests).push_back(std::move(object));
    }
  }
  return out;
}

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
    ending(differences, expected[i].connection);
    byte_counts(differences, *record, peers[i]);
    explained(differences, *record, expected[i].connection);
    kernel_view(differences, *record, expected[i].connection);
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
