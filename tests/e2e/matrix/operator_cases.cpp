#include <signal.h>

#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

Row shut_down(std::string_view phase, std::string_view delivered) {
  return row("local", "fin", phase, "operator.shutdown", "normal", delivered);
}

Row forced(std::string_view phase, std::string_view delivered) {
  return row("local", "rst", phase, "operator.shutdown_forced", "notice", delivered);
}

Row killed(std::string_view phase, std::string_view delivered) {
  return row("local", "rst", phase, "operator.killed", "notice", delivered)
      .with("error", "ECONNABORTED");
}

void shut_down_idle(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  stage.settle();
  stage.signal(SIGTERM);
  see_fin(stage, peer);
}

void shut_down_fresh(Stage& stage) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");
  stage.signal(SIGTERM);
  see_fin(stage, peer);
}

/// The answer in flight comes whole, and says that it is the last.
void shut_down_in_flight(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/slow?ms=900"));
  stage.wait_phase("handling");
  stage.signal(SIGTERM);
  const Response response = peer.read_response();
  stage.check_answer(response, 200);
  stage.check(response.header("connection") == "close", "the answer lacks Connection: close");
  see_fin(stage, peer);
}

std::function<void(Stage&)> signal_twice(std::string request, std::string phase) {
  return [request, phase](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(request);
    stage.wait_phase(phase);
    stage.signal(SIGTERM);
    stage.settle(Millis(200));
    stage.signal(SIGTERM);
    stage.check(peer.read_to_end() != StreamSight::nothing, "the second signal did not force");
    peer.close();
  };
}

std::function<void(Stage&)> kill_in_flight(std::string request, std::string phase) {
  return [request, phase](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(request);
    stage.wait_phase(phase);
    stage.kill_socket(stage.server().port(), peer.local_port());
    stage.check(peer.read_to_end() == StreamSight::reset, "the peer was to see a reset");
  };
}

void kill_idle(Stage& stage, bool server_side) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  stage.settle();
  if (server_side) {
    stage.kill_socket(stage.server().port(), peer.local_port());
  } else {
    stage.kill_socket(peer.local_port(), stage.server().port());
  }
}

Case force_case(std::string name, std::string phase, std::string request, const Row& expected) {
  Case out{std::move(name),
           {{"operator.shutdown_forced", phase, "rst"}},
           {},
           signal_twice(std::move(request), expected.phase),
           both(expected)};
  out.exit_status = 1;
  return out;
}

}  // namespace

std::vector<Case> operator_cases() {
  const auto claim = [](std::string cause, std::string phase, std::string how) {
    return std::vector<Claim>{{std::move(cause), std::move(phase), std::move(how)}};
  };
  const std::string stream = get("/stream?n=1000&ms=200");
  return {
      {"shutdown_idle",
       claim("operator.shutdown", "idle", "fin"),
       {},
       shut_down_idle,
       {{shut_down("idle", "all"), {served()}}}},
      {"shutdown_fresh",
       claim("operator.shutdown", "fresh", "fin"),
       {},
       shut_down_fresh,
       {{shut_down("fresh", "nothing_owed"), {}}}},
      {"shutdown_in_flight",
       claim("operator.shutdown", "handling", "fin"),
       {},
       shut_down_in_flight,
       {{shut_down("handling", "all"), {served_last()}}}},
      force_case("shutdown_forced_handling", "handling", get("/slow?ms=9000"),
                 forced("handling", "none")),
      force_case("shutdown_forced_response", "response", stream,
                 forced("response", "partial").undelivered(0, 64 * kKiB)),
      {"killed_idle",
       claim("operator.killed", "idle", "rst"),
       {},
       [](Stage& s) { kill_idle(s, true); },
       {{killed("idle", "all"), {served()}}}},
      {"killed_handling",
       claim("operator.killed", "handling", "rst"),
       {},
       kill_in_flight(get("/slow?ms=9000"), "handling"),
       both(killed("handling", "none"))},
      {"killed_response",
       claim("operator.killed", "response", "rst"),
       {},
       kill_in_flight(stream, "response"),
       both(killed("response", "partial").undelivered(0, 64 * kKiB))},
      {"killed_client_socket",
       claim("client.reset_idle", "idle", "rst"),
       {},
       [](Stage& s) { kill_idle(s, false); },
       {{row("peer", "rst", "idle", "client.reset_idle", "notice", "all"), {served()}}}},
  };
}

}  // namespace finack::matrix
