#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "e2e/gateway/name_server.h"
#include "e2e/gateway/stage.h"
#include "e2e/support/row.h"

namespace finack::gateway_matrix {

using e2e::Row;
using e2e::row;

/// One try at a request: its own record (role client), and its line in the request's `upstream`.
struct Try {
  Row record;
  /// Which of the dialed connections it was made on, or which dial it waited for, from 1; 0: none.
  std::size_t dialed = 1;
  bool reused = false;
  /// What the request's own list says of it, when the request was over first; "": the record's.
  std::string listed{};
};

/// A client's request: its record (role server), and its tries in their order.
struct Proxied {
  Row record;
  std::vector<Try> tries{};
};

/// What a client's connection must leave behind.
struct Front {
  Row connection;
  std::vector<Proxied> requests{};
};

/// The part of the file that a case writes itself; the rest is one listener, one cluster of the
/// stage's upstreams, and one route to it. Texts are flow mappings without their braces.
struct File {
  std::string cluster{};
  std::string route{};
  std::string listener{};
  std::string second_route{};          ///< The whole of it.
  std::vector<std::string> servers{};  ///< Instead of the stage's upstreams.
  std::size_t upstreams = 1;
  /// The server is "api.test", and upstream i at 127.0.0.(i + 1); needs NameServer::addresses.
  bool by_name = false;
  bool tls = false;  ///< To the upstreams, which are trusted by the name below.
  std::string tls_name = "localhost";
};

struct Case {
  std::string name;
  File file;
  std::function<void(Stage&)> act;
  std::vector<Front> fronts{};  ///< One for each client, in the order in which they connect.
  std::vector<Row> dialed{};    ///< Connection records of role client, in the order of their dials.
  int exit_status = 0;          ///< Of the gateway.
  bool own_network = false;     ///< Runs in a network namespace of its own.
  std::optional<NameServer::Manner> names{};  ///< Its only name server; needs own_network.
  int backlog = 64;                           ///< Of the upstreams.
};

// The rows that most acts meet on their way to something else.
/// A response that came whole.
Row tried(int status = 200);
/// A pooled connection that its server closed.
Row pool_closed(std::string_view how = "fin");
/// A pooled connection that the gateway's own end closed.
Row pool_shut();
/// A request that the gateway answers itself because of `cause`; `phase` is the server's.
Row answered(std::string_view cause, int status, std::string_view phase = "handling");
/// Ends the other leg of one that failed; severity is that leg's.
Row other_leg(std::string_view how, std::string_view phase, std::string_view severity,
              std::string_view delivered);

/// A case of one client and one request, which fails on its only try: `failed` is what try and
/// dialed connection record, `request` what the request does. The client closes afterwards.
Case failing(std::string name, File file, std::function<void(Stage&)> act, const Row& failed,
             const Row& request);

// One function for each file of cases.
std::vector<Case> plain_cases();
std::vector<Case> dial_cases();
std::vector<Case> tls_cases();
std::vector<Case> cut_cases();
std::vector<Case> timeout_cases();
std::vector<Case> broken_cases();
std::vector<Case> reuse_cases();
std::vector<Case> upload_cases();
std::vector<Case> leaving_cases();
std::vector<Case> phase_cases();
std::vector<Case> cluster_cases();
std::vector<Case> network_cases();
std::vector<Case> tunnel_cases();

/// All of them.
std::vector<Case> all_cases();

std::vector<Case> joined(std::vector<Case> first, std::vector<Case> second);

}  // namespace finack::gateway_matrix
