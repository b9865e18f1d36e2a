#include <fmt/format.h>

#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

/// Half-closes while the handler sleeps; the 200 must come after the full time.
void served_after_full_time(Stage& stage, const std::string& request, int interims) {
  Peer& peer = stage.connect();
  const auto start = e2e::SteadyClock::now();
  peer.send(request);
  stage.settle();
  peer.finish_sending();
  const Response response = peer.read_response();
  stage.check_answer(response, 200);
  stage.check(e2e::SteadyClock::now() - start >= Millis(600), "the answer came too early");
  stage.check(response.interims == interims,
              fmt::format("{} interim response(s) expected, {} came", interims, response.interims));
  see_fin(stage, peer);
}

std::function<void(Stage&)> served(std::string request, int interims) {
  return [=](Stage& stage) { served_after_full_time(stage, request, interims); };
}

void half_close_while_streaming(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/stream?n=10&ms=60"));
  stage.wait_phase("response");
  peer.finish_sending();
  stage.check_answer(peer.read_response(), 200);
  see_fin(stage, peer);
}

void cancelled(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/slow?ms=6000"));
  stage.settle();
  const auto start = e2e::SteadyClock::now();
  peer.finish_sending();
  const Response response = peer.read_response();
  stage.check_answer(response, 503);
  stage.check(e2e::SteadyClock::now() - start < Millis(3000), "the handler was not stopped");
  stage.check(response.header("connection") == "close", "the 503 lacks Connection: close");
  see_fin(stage, peer);
}

/// The FIN leaves, and nothing ever comes back.
void cancelled_and_vanished(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/slow?ms=6000"));
  stage.settle();
  peer.vanish();
  peer.finish_sending();
}

}  // namespace

std::vector<Case> half_close_cases() {
  const std::vector<Claim> half_close = {{"ok.half_close_served", "flush", "fin"}};
  const Row served_row =
      row("peer", "fin", "flush", "ok.half_close_served", "normal", "all").answered(200);
  return {
      {"half_close_probed",
       half_close,
       {"--client-half-close", "probe"},
       served(get("/slow?ms=600"), 1),
       both(served_row)},
      {"half_close_probed_agreed_close",
       half_close,
       {"--client-half-close", "probe"},
       served(get_close("/slow?ms=600"), 1),
       both(served_row)},
      {"half_close_tolerated",
       half_close,
       {"--client-half-close", "tolerate"},
       served(get("/slow?ms=600"), 0),
       both(served_row)},
      {"half_close_http10_is_not_probed",
       half_close,
       {"--client-half-close", "probe"},
       served("GET /slow?ms=600 HTTP/1.0\r\n\r\n", 0),
       both(served_row)},
      {"half_close_while_streaming", half_close, {}, half_close_while_streaming, both(served_row)},
      {"half_close_cancelled",
       {{"policy.half_close_cancelled", "handling", "reply"}},
       {"--client-half-close", "cancel"},
       cancelled,
       both(row("local", "reply", "handling", "policy.half_close_cancelled", "notice", "all")
                .answered(503))},
      {"half_close_cancelled_unproved",
       {{"client.left_unproved", "handling", "fin"}},
       {"--client-half-close", "cancel", "--timeout-flush", "700ms"},
       cancelled_and_vanished,
       both(row("peer", "fin", "handling", "client.left_unproved", "notice", "none")
                .undelivered(1, 512)
                .with("certainty", "inferred"))},
  };
}

}  // namespace finack::matrix
