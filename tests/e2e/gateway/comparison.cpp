#include "e2e/gateway/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <utility>

namespace finack::gateway_matrix {
namespace {

namespace json = boost::json;
using e2e::Differences;
using e2e::number_of;
using e2e::text_of;

/// The part of a connection's id that counts up, "5f3c…00-1a".
std::uint64_t sequence_of(const json::object& record, std::string_view key) {
  const std::string id = text_of(record, key);
  std::uint64_t sequence = 0;
  const std::size_t dash = id.find('-');
  if (dash != std::string::npos)
    std::from_chars(id.data() + dash + 1, id.data() + id.size(), sequence, 16);
  return sequence;
}

void append(std::vector<std::string>& out, std::vector<std::string> more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

class Comparison {
 public:
  Comparison(const GatewayRecords& records, const Case& what, Stage& stage)
      : records_(records), what_(what), stage_(stage) {
    for (const json::object& one : records.tries) left_.push_back(&one);
  }

  std::vector<std::string> all() {
    const Counts counts(what_);
    out_ = records_.strange;
    count("connection record(s) of clients", counts.accepted, records_.accepted);
    count("dialed connection record(s)", counts.dialed, records_.dialed);
    count("request record(s) of clients", counts.requests, records_.requests);
    count("try record(s)", counts.tries, records_.tries);
    if (stage_.peers().size() != what_.fronts.size()) {
      out_.push_back(fmt::format("    the case expects {} client(s), its act made {}",
                                 what_.fronts.size(), stage_.peers().size()));
    }
    for (std::size_t i = 0; i < what_.fronts.size() && i < stage_.peers().size(); ++i) front(i);
    for (std::size_t i = 0; i < what_.dialed.size() && i < records_.dialed.size(); ++i) dialed(i);
    for (const json::object* one : left_) lines("a try that nobody expects", *one);
    known_sockets();
    return std::move(out_);
  }

 private:
  void count(std::string_view kind, std::size_t expected, const std::vector<json::object>& got) {
    if (got.size() == expected) return;
    out_.push_back(fmt::format("    {} {} expected, got {}", expected, kind, got.size()));
    for (const json::object& one : got) out_.push_back("      " + json::serialize(one));
  }

  void lines(std::string_view what, const json::object& record) {
    out_.push_back(fmt::format("    {}: {}", what, json::serialize(record)));
  }

  /// The id that the case's n-th dialed connection has got; "" for none.
  std::string id_of(std::size_t dialed) const {
    if (dialed == 0 || dialed > records_.dialed.size()) return "";
    return text_of(records_.dialed[dialed - 1], "id");
  }

  /// Whom a client's connection names: the last dialed one of the request in which it ended, or
  /// behind whose answer it closed.
  std::string other_leg_of(const Front& front) const {
    const std::string& phase = front.connection.phase;
    if (front.requests.empty() || phase == "idle" || phase == "fresh" || phase == "head") return "";
    const std::vector<Try>& tries = front.requests.back().tries;
    return tries.empty() ? "" : id_of(tries.back().dialed);
  }

  void front(std::size_t index) {
    const Front& expected = what_.fronts[index];
    const std::string name = what_.fronts.size() == 1 ? "" : fmt::format("client {} ", index + 1);
    const std::string address = stage_.peers()[index].address();
    const auto at = std::ranges::find_if(
        records_.accepted, [&](const auto& one) { return text_of(one, "peer") == address; });
    if (at == records_.accepted.end()) {
      out_.push_back(fmt::format("    {}has no connection record ({})", name, address));
      return;
    }
    Differences differences(name + "connection", *at);
    differences.ending(expected.connection);
    differences.kernel_view(expected.connection);
    differences.range("requests", expected.requests.size(), expected.requests.size());
    differences.word("other_leg", other_leg_of(expected));
    append(out_, differences.take());
    std::size_t next = 0;
    for (const json::object& request : records_.requests) {
      if (text_of(request, "connection") != text_of(*at, "id")) continue;
      if (next == expected.requests.size()) {
        lines("a request that nobody expects", request);
        continue;
      }
      proxied(expected.requests[next], request, fmt::format("{}request {}", name, next + 1));
      ++next;
    }
    if (next < expected.requests.size()) {
      out_.push_back(fmt::format("    {}{} request record(s) expected, got {}", name,
                                 expected.requests.size(), next));
    }
  }

  void proxied(const Proxied& expected, const json::object& record, const std::string& name) {
    Differences differences(name, record);
    differences.ending(expected.record);
    const json::value* upstream = record.if_contains("upstream");
    const json::array* tries =
        upstream != nullptr && upstream->is_array() ? &upstream->as_array() : nullptr;
    if (tries == nullptr || tries->size() != expected.tries.size()) {
      differences.add("upstream", fmt::format("{} tries", expected.tries.size()),
                      text_of(record, "upstream"));
      tries = nullptr;
    }
    append(out_, differences.take());
    for (std::size_t i = 0; i < expected.tries.size(); ++i) {
      const std::string number = fmt::format("{} try {}", name, i + 1);
      if (tries != nullptr && (*tries)[i].is_object())
        listed(expected.tries[i], (*tries)[i].as_object(), i + 1, number);
      tried(expected.tries[i], number, text_of(record, "id"));
    }
  }

  /// One line of the request's own list.
  void listed(const Try& expected, const json::object& line, std::size_t attempt,
              const std::string& name) {
    Differences differences(name + " as listed", line);
    differences.word("cause", expected.listed.empty() ? expected.record.cause : expected.listed);
    differences.word("reused", expected.reused ? "true" : "false");
    differences.range("attempt", attempt, attempt);
    differences.word("connection", expected.dialed == 0 ? "null" : id_of(expected.dialed));
    if (expected.record.phase != "resolve" && expected.dialed != 0) {
      const json::object* const record = dialed_record(expected.dialed);
      differences.word("address", record != nullptr ? text_of(*record, "peer") : "");
    }
    append(out_, differences.take());
  }

  const json::object* dialed_record(std::size_t dialed) const {
    if (dialed == 0 || dialed > records_.dialed.size()) return nullptr;
    return &records_.dialed[dialed - 1];
  }

  /// A try that was sent is the next request of its connection; any other has number 0.
  void tried(const Try& expected, const std::string& name, const std::string& request) {
    const std::uint64_t sequence =
        expected.dialed == 0 ? 0 : sequence_of(*dialed_or_empty(expected.dialed), "id");
    const auto at = std::ranges::find_if(left_, [&](const json::object* one) {
      return sequence_of(*one, "connection") == sequence;
    });
    if (at == left_.end()) {
      out_.push_back(fmt::format("    {} has no record", name));
      return;
    }
    const json::object& record = **at;
    left_.erase(at);
    Differences differences(name, record);
    differences.ending(expected.record);
    differences.word("other_leg", request);
    const std::string number = text_of(record, "id").substr(text_of(record, "id").find('.') + 1);
    const bool sent = number != "0";
    if (sent) ++sent_[expected.dialed];
    if (sent) client_[expected.dialed] = request.substr(0, request.find('.'));
    if (sent && number != std::to_string(sent_[expected.dialed]))
      differences.add("id", fmt::format("number {}", sent_[expected.dialed]), number);
    append(out_, differences.take());
  }

  const json::object* dialed_or_empty(std::size_t dialed) const {
    static const json::object kEmpty;
    const json::object* const record = dialed_record(dialed);
    return record != nullptr ? record : &kEmpty;
  }

  void dialed(std::size_t index) {
    const json::object& record = records_.dialed[index];
    Differences differences(fmt::format("dialed connection {}", index + 1), record);
    differences.ending(what_.dialed[index]);
    differences.kernel_view(what_.dialed[index]);
    const std::uint64_t sent = sent_[index + 1];
    differences.range("requests", sent, sent);
    // One that ended in a request, or behind its answer, names the connection that it was for.
    const bool busy = sent > 0 && what_.dialed[index].phase != "pool";
    differences.word("other_leg", busy ? client_[index + 1] : "");
    append(out_, differences.take());
  }

  /// What an upstream accepted is a connection that was recorded, by the same socket.
  void known_sockets() {
    for (Upstream& upstream : stage_.upstreams()) {
      for (const Peer& peer : upstream.connections()) {
        const auto is_it = [&](const json::object& one) {
          // One that was reset before it was known to be connected knows no address of its own.
          return text_of(one, "peer") == upstream.address() &&
                 (text_of(one, "local") == peer.address() || text_of(one, "phase") == "connect");
        };
        if (peer.address().empty() || std::ranges::any_of(records_.dialed, is_it)) continue;
        out_.push_back(
            fmt::format("    no record is of the connection from {} that the upstream "
                        "accepted",
                        peer.address()));
      }
    }
  }

  const GatewayRecords& records_;
  const Case& what_;
  Stage& stage_;
  std::vector<std::string> out_;
  std::vector<const json::object*> left_;      ///< Tries that nobody claimed yet.
  std::map<std::size_t, std::uint64_t> sent_;  ///< By dialed connection.
  std::map<std::size_t, std::string> client_;  ///< Of its last request, by dialed connection.
};

}  // namespace

GatewayRecords::GatewayRecords(e2e::Records records) {
  for (std::string& line : records.broken) strange.push_back("    not a record: " + line);
  for (json::object& one : records.connections) {
    auto& kind = text_of(one, "role") == "client" ? dialed : accepted;
    kind.push_back(std::move(one));
  }
  for (json::object& one : records.requests) {
    auto& kind = text_of(one, "role") == "client" ? tries : requests;
    kind.push_back(std::move(one));
  }
  for (const json::object& one : records.findings) {
    // A busy machine may stop any thread.
    if (text_of(one, "finding") == "finding.loop_blocked") continue;
    strange.push_back("    a finding that nobody expects: " + json::serialize(one));
  }
  std::ranges::sort(dialed, {}, [](const auto& one) { return sequence_of(one, "id"); });
}

Counts::Counts(const Case& what) : accepted(what.fronts.size()), dialed(what.dialed.size()) {
  for (const Front& front : what.fronts) {
    requests += front.requests.size();
    for (const Proxied& request : front.requests) tries += request.tries.size();
  }
  for (const Row& one : what.dialed) kept += one.cause == "operator.shutdown" ? 1 : 0;
}

bool all_there(const GatewayRecords& records, const Counts& counts) {
  return records.accepted.size() >= counts.accepted &&
         records.dialed.size() >= counts.dialed - counts.kept &&
         records.requests.size() >= counts.requests && records.tries.size() >= counts.tries;
}

std::vector<std::string> compare(const GatewayRecords& records, const Case& what, Stage& stage) {
  return Comparison(records, what, stage).all();
}

}  // namespace finack::gateway_matrix
