#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/upstream_server.h"
#include "gateway/board.h"
#include "gateway/cluster_settings.h"
#include "net/resolver.h"

namespace finack::gateway {

/// A name among a cluster's servers that is asked for again and again.
struct ServerName {
  std::size_t entry = 0;  ///< Its place in ClusterSettings::servers.
  std::string host;
  std::uint16_t port = 0;
};

/// What is known of such a name.
struct NameState {
  std::string text;                   ///< As it is configured: "api.example:9001".
  std::uint64_t answers = 0;          ///< So far,
  std::uint64_t failures = 0;         ///< and questions that brought none.
  std::optional<Instant> answered{};  ///< The last answer; none: its server asks at each dial.
  std::optional<Instant> next{};      ///< When it is asked for again.
  net::ResolveError error{};          ///< What the last question met; none: it was answered.
  std::vector<Address> addresses{};   ///< Of the last answer.
};

/// What an answer changed: names of servers.
struct ServerChange {
  std::vector<std::string> came;
  std::vector<std::string> left;
};

/// The servers of a cluster, as all workers of the process share them. Those that are written as
/// addresses stay for the cluster's life. A name is one server that is resolved at each dial; with
/// resolve.all_addresses only until its first answer comes, then each address is a server of its
/// own, for as long as answers have it. One IPv4 and one IPv6 address are one server: that is one
/// host, and whichever answers is taken (RFC 8305). An address that several entries bring is the
/// first one's. Any thread.
class ClusterServers {
 public:
  using Server = std::shared_ptr<client::UpstreamServer>;
  using List = std::vector<Server>;

  /// `settings` outlives it. `tls`: nullptr for plain text.
  ClusterServers(const ClusterSettings& settings, std::shared_ptr<net::TlsContext> tls);

  Board<List>& board() { return board_; }
  const Board<List>& board() const { return board_; }
  /// The names that somebody has to ask for; none without resolve.all_addresses.
  const std::vector<ServerName>& names() const { return names_; }
  /// How one of them is asked for; its timeout is not said.
  const net::LookupOptions& lookup(const ServerName& name) const {
    return as_written_[name.entry]->target.lookup;
  }
  std::vector<NameState> name_states() const;

  /// A name's answer, and when it will be asked for again. Servers whose address it had before stay
  /// as they are.
  ServerChange take_answer(const ServerName& name, std::vector<Address> addresses, Instant now,
                           Instant next);
  /// A question that brought none: the last answer stays.
  void note_failure(const ServerName& name, net::ResolveError error, Instant next);

 private:
  Server make(const UpstreamServerSettings& settings, client::UpstreamTarget target,
              std::string name);
  Server make_as_written(const UpstreamServerSettings& settings);
  List put_together(Instant now);
  Server server_at(const UpstreamServerSettings& settings, std::vector<Address> host,
                   const List& before, bool first, Instant now);

  const ClusterSettings& settings_;
  std::shared_ptr<net::TlsContext> tls_;
  std::shared_ptr<client::EjectionQuota> quota_;
  List as_written_;  ///< By the place in the settings.
  std::vector<ServerName> names_;
  mutable std::mutex mutex_;       ///< Held for states_, and from put_together() to publish().
  std::vector<NameState> states_;  ///< By the place in names_.
  Board<List> board_;
};

}  // namespace finack::gateway
