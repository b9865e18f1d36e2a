#include "gateway/cluster_servers.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "finack/base/address.h"
#include "net/happy_eyeballs.h"

namespace finack::gateway {
namespace {

client::HealthRules health_rules_of(const HealthSettings& h) {
  client::HealthRules rules{.eject_after = h.passive.eject_after,
                            .eject_for = h.passive.eject_for,
                            .eject_most = h.passive.eject_most,
                            .eject_percent = h.passive.eject_percent,
                            .slow_start = h.passive.slow_start};
  if (h.active) {
    rules.fall = h.active->fall;
    rules.rise = h.active->rise;
    rules.starts_up = h.active->starts_up;
  }
  return rules;
}

/// As the server's listeners take them (net::ListenerOptions).
net::DialOptions dial_options_of(const ClusterSettings& cluster) {
  using std::chrono::ceil;
  net::DialOptions options;
  options.tcp_keepalive_s =
      static_cast<std::uint32_t>(ceil<std::chrono::seconds>(cluster.tcp_keepalive).count());
  options.tcp_user_timeout_ms =
      static_cast<std::uint32_t>(ceil<std::chrono::milliseconds>(cluster.tcp_user_timeout).count());
  return options;
}

net::LookupOptions lookup_of(const ResolveSettings& r) {
  using Family = Address::Family;
  const bool fixed = r.refresh != Nanos(0);
  return {.ttl = net::TtlBounds{.least = fixed ? r.refresh : r.least,
                                .most = fixed ? r.refresh : r.most},
          .family = r.family == AddressFamily::v4   ? Family::v4
                    : r.family == AddressFamily::v6 ? Family::v6
                                                    : Family::none};
}

constexpr std::string_view kUnix = "unix:";

/// "": a path has none.
std::string host_of(const std::string& address) {
  return address.starts_with(kUnix) ? "" : address.substr(0, address.rfind(':'));
}

/// The file's check has let only these forms through.
client::UpstreamTarget target_of(const std::string& address, const ResolveSettings& resolve) {
  if (address.starts_with(kUnix)) return net::DialTarget::unix_socket(address.substr(kUnix.size()));
  if (const auto parsed = parse_address(address)) return net::DialTarget{.address = *parsed};
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  client::UpstreamTarget target(address.substr(0, colon), port);
  target.lookup = lookup_of(resolve);
  return target;
}

std::uint32_t count(std::size_t servers) { return static_cast<std::uint32_t>(servers); }

/// The hosts that addresses belong to, in an order that does not depend on the answer's.
std::vector<std::vector<Address>> hosts_of(std::vector<Address> addresses) {
  std::ranges::sort(addresses, {}, [](const Address& a) {
    return std::tuple(a.family, std::to_array(a.bytes), a.port);
  });
  if (addresses.size() == 2 && addresses[0].family != addresses[1].family) return {addresses};
  std::vector<std::vector<Address>> hosts;
  hosts.reserve(addresses.size());
  for (const Address& address : addresses) hosts.push_back({address});
  return hosts;
}

bool is_at(const client::UpstreamServer& server, const std::vector<Address>& host) {
  return std::ranges::is_permutation(server.target.addresses, host, {}, &net::DialTarget::address);
}

}  // namespace

ClusterServers::ClusterServers(const ClusterSettings& settings,
                               std::shared_ptr<net::TlsContext> tls)
    : settings_(settings),
      tls_(std::move(tls)),
      quota_(std::make_shared<client::EjectionQuota>(count(settings.servers.size()),
                                                     settings.health.passive.eject_percent)),
      board_(nullptr) {
  for (const UpstreamServerSettings& server : settings_.servers) {
    as_written_.push_back(make_as_written(server));
    const client::UpstreamTarget& target = as_written_.back()->target;
    if (target.host.empty() || !settings_.resolve.all_addresses) continue;
    names_.push_back({.entry = as_written_.size() - 1, .host = target.host, .port = target.port});
    states_.push_back({.text = server.address});
  }
  board_.publish(std::make_shared<const List>(as_written_));
}

ClusterServers::Server ClusterServers::make(const UpstreamServerSettings& settings,
                                            client::UpstreamTarget target, std::string name) {
  target.dial = dial_options_of(settings_);
  if (tls_ != nullptr) {
    const UpstreamTlsSettings& tls = *settings_.tls;
    target.tls = tls_;
    target.tls_peer = {
        .name = tls.server_name.empty() ? host_of(settings.address) : tls.server_name,
        .server = name};
  }
  auto made = std::make_shared<client::UpstreamServer>(std::move(name), std::move(target),
                                                       health_rules_of(settings_.health), quota_,
                                                       settings_.pool.idle);
  made->weight = settings.weight;
  made->backup = settings.backup;
  return made;
}

ClusterServers::Server ClusterServers::make_as_written(const UpstreamServerSettings& settings) {
  client::UpstreamTarget target = target_of(settings.address, settings_.resolve);
  const bool named = !target.host.empty();
  Server made = make(settings, std::move(target), settings.address);
  if (named) made->origin = settings.address;
  return made;
}

/// `first`: the name had no answer before.
ClusterServers::Server ClusterServers::server_at(const UpstreamServerSettings& settings,
                                                 std::vector<Address> host, const List& before,
                                                 bool first, Instant now) {
  const auto known = std::ranges::find_if(before, [&](const Server& one) {
    return one->origin == settings.address && is_at(*one, host);
  });
  if (known != before.end()) return *known;
  client::UpstreamTarget target;
  for (const Address& address : host) target.addresses.push_back({.address = address});
  target.addresses = net::interleave(std::move(target.addresses));
  Server made = make(settings, std::move(target),
                     host.size() == 1 ? to_string(host.front()) : settings.address);
  made->origin = settings.address;
  if (!first) made->health.joined(now);
  return made;
}

ClusterServers::List ClusterServers::put_together(Instant now) {
  const auto before = board_.current().first;
  std::vector<Address> taken;
  for (const Server& one : as_written_)
    for (const net::DialTarget& target : one->target.addresses) taken.push_back(target.address);
  const auto is_taken = [&taken](const Address& address) {
    return std::ranges::find(taken, address) != taken.end();
  };
  List list;
  std::size_t name = 0;
  for (std::size_t entry = 0; entry < as_written_.size(); ++entry) {
    const bool watched = name < names_.size() && names_[name].entry == entry;
    const NameState* const state = watched ? &states_[name++] : nullptr;
    if (state == nullptr || state->addresses.empty()) {
      list.push_back(as_written_[entry]);
      continue;
    }
    const bool first = std::ranges::find(*before, as_written_[entry]) != before->end();
    for (std::vector<Address>& host : hosts_of(state->addresses)) {
      if (std::ranges::any_of(host, is_taken)) continue;
      taken.insert(taken.end(), host.begin(), host.end());
      list.push_back(server_at(settings_.servers[entry], std::move(host), *before, first, now));
    }
  }
  return list;
}

ServerChange ClusterServers::take_answer(const ServerName& name, std::vector<Address> addresses,
                                         Instant now, Instant next) {
  const std::scoped_lock lock(mutex_);
  const auto place = std::ranges::find(names_, name.entry, &ServerName::entry) - names_.begin();
  NameState& state = states_[static_cast<std::size_t>(place)];
  ++state.answers;
  state.answered = now;
  state.next = next;
  state.error = net::ResolveError::none;
  state.addresses = std::move(addresses);
  const auto before = board_.current().first;
  List list = put_together(now);
  ServerChange change;
  for (const Server& one : list)
    if (std::ranges::find(*before, one) == before->end()) change.came.push_back(one->name);
  for (const Server& one : *before)
    if (std::ranges::find(list, one) == list.end()) change.left.push_back(one->name);
  if (list == *before) return change;
  quota_->set_servers(count(list.size()));
  board_.publish(std::make_shared<const List>(std::move(list)));
  return change;
}

void ClusterServers::note_failure(const ServerName& name, net::ResolveError error, Instant next) {
  const std::scoped_lock lock(mutex_);
  const auto place = std::ranges::find(names_, name.entry, &ServerName::entry) - names_.begin();
  NameState& state = states_[static_cast<std::size_t>(place)];
  ++state.failures;
  state.next = next;
  state.error = error;
}

std::vector<NameState> ClusterServers::name_states() const {
  const std::scoped_lock lock(mutex_);
  return states_;
}

}  // namespace finack::gateway
