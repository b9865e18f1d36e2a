#include "e2e/gateway/phases.h"

#include <utility>

namespace finack::gateway_matrix {

const std::vector<PhasePlace>& phase_places() {
  static const std::vector<PhasePlace> kPlaces = {
      {"resolve", "handling", "nothing_owed", "nothing_owed", true},
      {"connect", "handling", "nothing_owed", "nothing_owed", true},
      {"tls", "handling", "nothing_owed", "nothing_owed", true},
      {"send", "body", "all", "handed"},
      {"wait", "handling", "all", "handed"},
      {"head", "handling", "all", "handed"},
      {"body", "response", "all", "handed"},
  };
  return kPlaces;
}

Case at(const PhasePlace& place, std::string name) {
  Case out;
  out.name = std::move(name);
  out.file.cluster = "retry: { tries: 1 }";
  if (place.phase == "resolve") {
    out.file.servers = {"nobody.test:80"};
    out.own_network = true;
    out.names = NameServer::Manner::silent;
  }
  out.file.tls = place.phase == "tls";
  if (place.phase == "connect") out.backlog = 0;
  return out;
}

Peer& reach(Stage& stage, const PhasePlace& place) {
  if (place.phase == "connect") stage.upstream().fill_backlog();
  Peer& client = stage.connect();
  client.send(place.phase == "send" ? post(100, "0123") : get());
  if (place.phase == "tls") stage.upstream().accept();
  if (!place.dialing) {
    Peer& upstream = stage.take_request();
    if (place.phase == "head") upstream.send("HTTP/1.1 200 OK\r\nConte");
    if (place.phase == "body") {
      upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n12345");
      client.read_bytes(1);
    }
  }
  stage.wait_dialed(place.phase);
  stage.wait_phase(place.server_phase);
  return client;
}

Row dial_stopped(const PhasePlace& place) {
  return row("local", "fin", place.phase, "operator.shutdown", "normal", "nothing_owed");
}

}  // namespace finack::gateway_matrix
