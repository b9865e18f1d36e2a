#include <fstream>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

/// A GET that the gateway answers itself, with that status, naming that cause.
std::function<void(Stage&)> fail(int status, std::string cause,
                                 std::function<void(Stage&)> before = {}) {
  return [=](Stage& stage) {
    if (before) before(stage);
    Peer& client = stage.connect();
    client.send(get());
    stage.see_failure(client, status, cause);
    stage.part(client);
  };
}

/// The SYN is answered while the gateway stands still, and the connection reset before it looks.
void reset_while_connecting(Stage& stage) {
  stage.upstream().fill_backlog();
  Peer& client = stage.connect();
  client.send(get());
  stage.wait_dialed("connect");
  stage.freeze();
  stage.upstream().empty_backlog();
  Peer& upstream = stage.upstream().accept();
  upstream.reset();
  stage.thaw();
  stage.see_failure(client, 502, "upstream.connect_reset");
  stage.part(client);
}

/// Fewer SYNs than usual, in this network alone.
void give_up_syns_early(Stage& stage) {
  std::ofstream setting("/proc/sys/net/ipv4/tcp_syn_retries");
  if (!(setting << 1 << std::flush)) throw e2e::Skipped("tcp_syn_retries cannot be set here");
  stage.upstream().fill_backlog();
}

/// The first of two servers refuses; the request goes to the other.
void go_elsewhere(Stage& stage) {
  stage.upstream(0).refuse();
  Peer& client = stage.connect();
  client.send(get());
  stage.take_request(1).send(kOk);
  stage.see(client, 200);
  stage.part(client);
}

Row never_connected(std::string_view by, std::string_view how, std::string_view phase,
                    std::string_view cause) {
  return row(by, how, phase, cause, "fault", "nothing_owed");
}

std::vector<Case> resolve_cases() {
  const File named{.servers = {"nobody.test:80"}, .upstreams = 0};
  File impatient = named;
  impatient.cluster = "timeouts: { resolve: 400ms }";
  Case unknown =
      failing("resolve_failed", named, fail(502, "upstream.resolve_failed"),
              never_connected("network", "unreachable", "resolve", "upstream.resolve_failed"),
              answered("upstream.resolve_failed", 502));
  Case silent = failing("resolve_timeout", impatient, fail(504, "timeout.resolve"),
                        never_connected("local", "timeout", "resolve", "timeout.resolve"),
                        answered("timeout.resolve", 504));
  unknown.names = NameServer::Manner::no_such_name;
  silent.names = NameServer::Manner::silent;
  unknown.own_network = silent.own_network = true;
  return {std::move(unknown), std::move(silent)};
}

std::vector<Case> full_cases() {
  const auto full = [](Stage& stage) { stage.upstream().fill_backlog(); };
  Case timeout = failing("connect_timeout", {.cluster = "timeouts: { connect: 300ms }"},
                         fail(504, "timeout.connect", full),
                         never_connected("local", "timeout", "connect", "timeout.connect"),
                         answered("timeout.connect", 504));
  Case reset = failing("connect_reset", {}, reset_while_connecting,
                       never_connected("peer", "rst", "connect", "upstream.connect_reset"),
                       answered("upstream.connect_reset", 502));
  Case vanished = failing("connect_vanished", {.cluster = "timeouts: { connect: 0 }"},
                          fail(504, "network.vanished", give_up_syns_early),
                          never_connected("network", "timeout", "connect", "network.vanished"),
                          answered("network.vanished", 504));
  vanished.own_network = true;
  for (Case* each : {&timeout, &reset, &vanished}) each->backlog = 0;
  return {std::move(timeout), std::move(reset), std::move(vanished)};
}

}  // namespace

std::vector<Case> dial_cases() {
  const auto refuse = [](Stage& stage) { stage.upstream().refuse(); };
  const Row refused = never_connected("peer", "refused", "connect", "upstream.refused");
  Case unreachable =
      failing("unreachable", {.servers = {"192.0.2.1:80"}, .upstreams = 0},
              fail(502, "upstream.unreachable"),
              never_connected("network", "unreachable", "connect", "upstream.unreachable"),
              answered("upstream.unreachable", 502));
  unreachable.own_network = true;
  Row first = refused;
  first.status = 0;
  std::vector<Case> out = {
      failing("refused", {}, fail(502, "upstream.refused", refuse), refused,
              answered("upstream.refused", 502)),
      std::move(unreachable),
      {"refused_then_served_elsewhere",
       {.cluster = "balance: round_robin", .upstreams = 2},
       go_elsewhere,
       {{e2e::closed_idle(), {{e2e::served(), {{first, 1}, {tried(), 2}}}}}},
       {refused, pool_shut()}},
  };
  return joined(joined(std::move(out), full_cases()), resolve_cases());
}

}  // namespace finack::gateway_matrix
