#include "admin/live_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "finack/http/uri.h"
#include "record/connection_id.h"

namespace finack::admin {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostConnections = 1000;

std::string to_text(const record::ConnectionId& id) {
  std::string out;
  record::append_id(out, id);
  return out;
}

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

json::value address_or_null(const Address& address) { return text_or_null(to_string(address)); }

std::int64_t micros(Nanos time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::int64_t millis(Nanos time) { return std::chrono::duration_cast<Millis>(time).count(); }

json::value connection_json(const record::LiveConnection& one) {
  json::object out{{"id", to_text(one.id)},
                   {"role", record::name(one.role)},
                   {"phase", record::name(one.phase)},
                   {"age_us", micros(one.age)},
                   {"phase_us", micros(one.in_phase)},
                   {"peer", address_or_null(one.peer)},
                   {"local", address_or_null(one.local)}};
  if (one.role == record::Role::server) {
    out["listener"] = one.listener;
    out["route"] = text_or_null(one.route);
  } else {
    out["server"] = one.server;
  }
  out["requests"] = one.requests;
  out["bytes_in"] = one.bytes_in;
  out["bytes_out"] = one.bytes_out;
  return out;
}

/// Takes over one pair of the query; what is wrong with it, "" where nothing is.
std::string read_pair(std::string_view name, std::string_view value,
                      record::LivePage::Asked& asked) {
  if (name == "limit") {
    const char* const end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, asked.limit);
    if (read.ec == std::errc{} && read.ptr == end && asked.limit >= 1 &&
        asked.limit <= kMostConnections)
      return {};
    return fmt::format("limit is a number from 1 to {}", kMostConnections);
  }
  if (name == "after") {
    asked.after = record::parse_id(value);
    return asked.after ? "" : "after is the id of a connection";
  }
  if (name == "phase") {
    asked.phase = record::parse_phase(value);
    return asked.phase ? "" : "phase is one of those of docs/endings.md";
  }
  if (name != "role") return fmt::format("'{}' is not known: limit, after, phase, role", name);
  for (const record::Role role : {record::Role::server, record::Role::client})
    if (value == record::name(role)) asked.role = role;
  return asked.role ? "" : "role is server or client";
}

json::object pools_json(const client::PoolState& pools) {
  return {{"free", pools.free},
          {"busy", pools.busy},
          {"dialing", pools.dialing},
          {"witnesses", pools.witnesses},
          {"waiting", pools.waiting}};
}

/// What all workers have of the pools to one server.
client::PoolState sum(const std::vector<std::vector<gateway::ClusterShare>>& workers,
                      const client::UpstreamServer& server) {
  client::PoolState out;
  for (const auto& shares : workers) {
    for (const gateway::ClusterShare& share : shares) {
      for (const gateway::PoolShare& pool : share.pools) {
        if (pool.server != server.number) continue;
        out.free += pool.state.free;
        out.busy += pool.state.busy;
        out.dialing += pool.state.dialing;
        out.witnesses += pool.state.witnesses;
        out.waiting += pool.state.waiting;
      }
    }
  }
  return out;
}

json::object count_json(const gateway::BoundedCount& count) {
  return {{"live", count.count()}, {"limit", count.most()}};
}

json::object keep_alive_json(const client::KeepAliveFacts& facts) {
  const auto or_null = [](std::optional<Nanos> time) {
    return time ? json::value(millis(*time)) : json::value(nullptr);
  };
  return {{"advertised_ms", or_null(facts.advertised)},
          {"observed_ms", or_null(facts.observed)},
          {"used_ms", or_null(facts.used)},
          {"closes", facts.closes}};
}

/// Of the names that are asked for again and again.
json::array names_json(const gateway::Cluster& cluster, Instant now) {
  json::array list;
  for (const gateway::NameState& one : cluster.membership().name_states()) {
    json::array addresses;
    for (const Address& address : one.addresses) addresses.emplace_back(to_string(address));
    const bool failed = one.error != net::ResolveError::none;
    list.push_back(json::object{
        {"name", one.text},
        {"addresses", std::move(addresses)},
        {"answers", one.answers},
        {"failures", one.failures},
        {"error", failed ? json::value(net::name(one.error)) : json::value(nullptr)},
        {"answered_ms_ago",
         one.answered ? json::value(millis(now - *one.answered)) : json::value(nullptr)},
        {"asked_again_in_ms", one.next
                                  ? json::value(std::max<std::int64_t>(0, millis(*one.next - now)))
                                  : json::value(nullptr)}});
  }
  return list;
}

json::object cluster_json(gateway::Cluster& cluster) {
  const auto& budget = cluster.settings().retry.budget;
  const client::Breaker& breaker = cluster.breaker();
  return {{"name", cluster.settings().name},
          {"requests", count_json(cluster.requests)},
          {"queue", count_json(cluster.queued)},
          {"breaker", json::object{{"state", client::name(breaker.state())},
                                   {"opened", breaker.opened()},
                                   {"failures_in_a_row", breaker.failures_in_a_row()},
                                   {"window_requests", breaker.window_requests()}}},
          {"retry_budget", json::object{{"taken", cluster.retry_budget().taken()},
                                        {"percent", budget.percent},
                                        {"least", budget.least}}}};
}

/// Without its pools.
json::object server_json(const client::UpstreamServer& server, Instant now) {
  const Nanos rtt(server.rtt.load(std::memory_order_relaxed));
  return {{"address", server.name},
          {"name", text_or_null(server.origin)},
          {"state", client::name(server.health.availability(now))},
          {"weight", server.weight},
          {"backup", server.backup},
          {"warmth_percent", std::lround(server.health.warmth(now) * 100)},
          {"ejections", server.health.ejections()},
          {"requests", server.requests_live.load(std::memory_order_relaxed)},
          {"connections", server.connections_live.load(std::memory_order_relaxed)},
          {"rtt_us", rtt == Nanos{0} ? json::value(nullptr) : json::value(micros(rtt))},
          {"keep_alive", keep_alive_json(server.keep_alive.facts())}};
}

}  // namespace

std::expected<record::LivePage::Asked, std::string> read_query(std::string_view query) {
  record::LivePage::Asked asked;
  for (const http::QueryView::Pair& pair : http::QueryView(query)) {
    const auto name = http::decode_query(pair.name);
    const auto value = http::decode_query(pair.value);
    std::string wrong =
        name && value ? read_pair(*name, *value, asked) : "the query is not percent-encoded";
    if (!wrong.empty()) return std::unexpected(std::move(wrong));
  }
  return asked;
}

json::value connections_json(record::LivePage page, std::size_t missing) {
  const std::vector<record::LiveConnection> connections = page.take();
  json::array list;
  for (const record::LiveConnection& one : connections) list.push_back(connection_json(one));
  json::value next = nullptr;
  if (page.more() && !connections.empty()) next = to_text(connections.back().id);
  return json::object{
      {"connections", std::move(list)}, {"next", std::move(next)}, {"missing_workers", missing}};
}

json::value clusters_json(const gateway::Plan& plan,
                          const std::vector<std::vector<gateway::ClusterShare>>& workers,
                          Instant now, std::size_t missing) {
  json::array list;
  for (const auto& cluster : plan.clusters()) {
    json::object out = cluster_json(*cluster);
    json::array servers;
    for (const auto& one : cluster->servers()) {
      json::object server = server_json(*one, now);
      server["pools"] = pools_json(sum(workers, *one));
      servers.push_back(std::move(server));
    }
    out["servers"] = std::move(servers);
    out["names"] = names_json(*cluster, now);
    list.push_back(std::move(out));
  }
  return json::object{{"clusters", std::move(list)}, {"missing_workers", missing}};
}

}  // namespace finack::admin
