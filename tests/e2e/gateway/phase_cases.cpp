// What may end a request and its connection in any phase: budgets, the operator.
#include <fmt/format.h>
#include <signal.h>

#include <charconv>

#include "e2e/gateway/phases.h"

namespace finack::gateway_matrix {
namespace {

bool has_begun(const PhasePlace& place) { return place.phase == "body"; }

/// A budget of ours is over: the client is told, or sees its response cut.
std::function<void(Stage&)> outlast(const PhasePlace& place, std::string cause) {
  return [=](Stage& stage) {
    Peer& client = reach(stage, place);
    if (has_begun(place)) {
      stage.check(client.read_to_end() == StreamSight::eof, "the client was to see a cut response");
      client.close();
    } else if (place.phase == "send") {
      stage.see_failure(client, 504, cause);
      stage.check(client.read_to_end() == StreamSight::eof, "no FIN behind an early answer");
      client.close();
    } else {
      stage.see_failure(client, 504, cause);
      stage.part(client);
    }
  };
}

Case budget_case(const PhasePlace& place, const std::string& setting, const std::string& cause) {
  Case out = at(place, fmt::format("{}_in_{}", setting, place.phase));
  out.file.cluster += fmt::format(", timeouts: {{ {}: 900ms }}", setting);
  out.act = outlast(place, cause);
  const bool begun = has_begun(place);
  Row request =
      row("local", "timeout", place.server_phase, cause, "fault", begun ? "partial" : "handed")
          .answered(begun ? 200 : 504);
  Row connection = e2e::closed_idle();
  if (begun) connection = other_leg("fin", "response", "fault", "partial");
  if (place.phase == "send") {
    connection = row("local", "reply", "body", "policy.early_reply", "notice", "all");
    request.delivered = "all";
  }
  const Row attempt =
      row("local", "timeout", place.phase, cause, "fault", place.handed).answered(begun ? 200 : 0);
  out.fronts = {{connection, {{request, {{attempt, place.dialing ? 0U : 1U}}}}}};
  out.dialed = {place.dialing
                    ? dial_stopped(place)
                    : row("local", "timeout", place.phase, cause, "fault", place.delivered)};
  return out;
}

/// Everything ends by the operator's will, on both legs.
Case ended_case(const PhasePlace& place, const std::string& name, std::function<void(Stage&)> act,
                const std::string& cause, const std::string& how) {
  Case out = at(place, fmt::format("{}_in_{}", name, place.phase));
  out.act = [=](Stage& stage) {
    Peer& client = reach(stage, place);
    act(stage);
    stage.check(client.read_to_end() != StreamSight::nothing, "the client's stream did not end");
    client.close();
  };
  const bool begun = has_begun(place);
  const std::string_view owed = begun                   ? "partial|none"
                                : place.phase == "send" ? "nothing_owed"
                                                        : "none";
  const Row both = row("local", how, place.server_phase, cause, "notice", owed)
                       .undelivered(0, begun ? 64 * kKiB : 0)
                       .answered(begun ? 200 : 0);
  const std::string dialed_how = how == "rst" ? "fin" : how;
  const Row attempt = row("local", dialed_how, place.phase, cause, "notice", place.handed)
                          .answered(begun ? 200 : 0);
  out.fronts = {{both, {{both, {{attempt, place.dialing ? 0U : 1U}}}}}};
  out.dialed = {row("local", dialed_how, place.phase, cause, "notice", place.delivered)};
  out.exit_status = 1;
  return out;
}

void signal_twice(Stage& stage) {
  stage.signal(SIGTERM);
  stage.wait_drain();
  stage.signal(SIGTERM);
}

void drain(Stage& stage) { stage.signal(SIGTERM); }

std::uint16_t port_of(const std::string& address) {
  const std::size_t colon = address.rfind(':') + 1;
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon, address.data() + address.size(), port);
  return port;
}

void kill_dialed(Stage& stage) {
  const Peer& upstream = stage.upstream().connections().back();
  stage.kill_socket(port_of(upstream.address()), stage.upstream().port());
}

/// The dialed socket is destroyed from outside (`ss -K`).
Case killed_case(const PhasePlace& place) {
  Case out = at(place, "killed_in_" + place.phase);
  const bool begun = has_begun(place);
  const bool sending = place.phase == "send";
  out.act = [=](Stage& stage) {
    Peer& client = reach(stage, place);
    kill_dialed(stage);
    begun ? stage.check(client.read_to_end() == StreamSight::eof, "the response was to be cut")
          : stage.see_failure(client, 502, "operator.killed");
    if (sending) stage.check(client.read_to_end() == StreamSight::eof, "no FIN behind the answer");
    begun || sending ? client.close() : stage.part(client);
  };
  const Row killed = row("local", "rst", place.phase, "operator.killed", "notice", place.delivered);
  Row request =
      row("local", begun ? "fin" : "reply", place.server_phase, "operator.killed", "notice",
          begun     ? "partial"
          : sending ? "all"
                    : "handed")
          .answered(begun ? 200 : 502);
  Row connection = e2e::closed_idle();
  if (begun) connection = other_leg("fin", "response", "notice", "partial");
  if (sending) connection = row("local", "reply", "body", "policy.early_reply", "notice", "all");
  out.fronts = {{connection, {{request, {{Row(killed).answered(begun ? 200 : 0)}}}}}};
  out.dialed = {killed};
  return out;
}

Case killed_in_pool() {
  const Row killed = row("local", "rst", "pool", "operator.killed", "notice", "all");
  const auto act = [](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    stage.take_request().send(kOk);
    stage.see(client, 200);
    stage.wait_dialed("pool");
    kill_dialed(stage);
    stage.part(client);
  };
  return {
      "killed_in_pool", {}, act, {{e2e::closed_idle(), {{e2e::served(), {{tried()}}}}}}, {killed}};
}

}  // namespace

std::vector<Case> phase_cases() {
  std::vector<Case> out = {killed_in_pool()};
  for (const PhasePlace& place : phase_places()) {
    out.push_back(budget_case(place, "try", "timeout.try"));
    out.push_back(budget_case(place, "request_total", "timeout.request_total"));
    out.push_back(
        ended_case(place, "shutdown_forced", signal_twice, "operator.shutdown_forced", "rst"));
    Case drained = ended_case(place, "drain", drain, "timeout.drain", "timeout");
    drained.file.listener = "timeouts: { drain: 500ms }";
    out.push_back(std::move(drained));
    if (place.phase != "resolve" && place.phase != "connect") out.push_back(killed_case(place));
  }
  return out;
}

}  // namespace finack::gateway_matrix
