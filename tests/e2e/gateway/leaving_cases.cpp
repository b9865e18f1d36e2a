// The client leaves while the upstream works: in each phase of the dialed connection.
#include <fmt/format.h>

#include "e2e/gateway/phases.h"

namespace finack::gateway_matrix {
namespace {

constexpr std::uint64_t kProbe = 25;  ///< Bytes of "HTTP/1.1 100 Continue".

std::function<void(Stage&)> leave_there(const PhasePlace& place, Leave way) {
  return [=](Stage& stage) {
    Peer& client = reach(stage, place);
    leave(client, way);
    if (place.phase == "body" && way == Leave::fin) {
      // What comes now is answered by a RST.
      stage.settle();
      for (int i = 0; i < 3; ++i) {
        if (!stage.upstream().connections().back().try_send("6789")) break;
        stage.settle(Millis(60));
      }
    }
    if (!place.dialing) {
      const StreamSight sight = stage.upstream().connections().back().read_to_end();
      stage.check(sight != StreamSight::nothing, "the upstream's request was not cancelled");
    }
  };
}

Row left(const PhasePlace& place, Leave way) {
  if (place.phase == "body") {
    return row("peer", word(way), "response", "client.left_receiving", "fault", "partial|none")
        .undelivered(0, 64 * kKiB)
        .answered(200);
  }
  if (place.phase == "send") {
    return row("peer", word(way), "body", "client.body_truncated", "fault", "nothing_owed")
        .answered(0);
  }
  return row("peer", word(way), "handling", "client.left_waiting", "notice", "none")
      .undelivered(0, way == Leave::fin ? kProbe : 0)
      .answered(0);
}

Case leaving_case(const PhasePlace& place, Leave way) {
  Case out = at(place, fmt::format("client_leaves_in_{}_{}", place.phase, word(way)));
  out.act = leave_there(place, way);
  const Row gone = left(place, way);
  const Row cancelled = row("local", "fin", place.phase, "app.cancelled", "normal", place.handed)
                            .answered(place.phase == "body" ? 200 : 0);
  out.fronts = {{gone, {{gone, {{cancelled, place.dialing ? 0U : 1U}}}}}};
  out.dialed = {place.dialing ? dial_stopped(place)
                              : other_leg("fin", place.phase, gone.severity, place.delivered)};
  return out;
}

/// So little of the response remains that reading it costs less than another connection.
void leave_before_little_remains(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
  client.read_bytes(1);
  stage.wait_dialed("body");
  client.reset();
  stage.settle();
  upstream.send("67890");
  stage.wait_dialed("pool");
}

}  // namespace

std::vector<Case> leaving_cases() {
  std::vector<Case> out;
  for (const PhasePlace& place : phase_places())
    for (const Leave way : {Leave::fin, Leave::rst}) out.push_back(leaving_case(place, way));
  const Row gone = row("peer", "rst", "response", "client.left_receiving", "fault", "partial|none")
                       .answered(200);
  out.push_back({"client_leaves_when_little_remains",
                 {},
                 leave_before_little_remains,
                 {{gone, {{gone, {{tried(), 1, false, "app.cancelled"}}}}}},
                 {pool_shut()}});
  return out;
}

}  // namespace finack::gateway_matrix
