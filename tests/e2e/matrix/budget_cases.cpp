#include <signal.h>

#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

/// What a narrow peer's kernel surely does not take of 256 KiB.
constexpr std::uint64_t kUnread = 192 * kKiB;

Row lifetime(std::string_view phase, std::string_view delivered) {
  return row("local", "timeout", phase, "timeout.lifetime", "normal", delivered)
      .with("timer", "timeout-lifetime = 500ms");
}

Row drained(std::string_view phase, std::string_view delivered) {
  return row("local", "timeout", phase, "timeout.drain", "notice", delivered)
      .with("timer", "timeout-drain = 500ms");
}

void wait_fresh(Stage& stage) {
  Peer& peer = stage.connect();
  see_fin(stage, peer);
}

void wait_after_request(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  see_fin(stage, peer);
}

/// The budget runs out while a request is in flight: it is answered, and told to close.
std::function<void(Stage&)> finish_over_budget(std::string request) {
  return [request](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(request);
    stage.check_answer(peer.read_response(), 200);
    see_fin(stage, peer);
  };
}

/// The budget runs out while the peer drags out its request: there is nothing to finish.
std::function<void(Stage&)> drag_out(std::string bytes) {
  return [bytes](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(bytes);
    see_fin(stage, peer);
    stage.check(peer.received() == 0, "bytes came for a request that was never whole");
  };
}

/// Nothing of a request has come, and its moment is longer than the budget of the drain.
void stay_fresh(Stage& stage) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");
  stage.signal(SIGTERM);
  stage.check(peer.read_to_end() != StreamSight::nothing, "the drain did not end the stream");
}

/// The last response is with the kernel, and nobody reads it.
void never_read_last(Stage& stage) {
  Peer& peer = stage.connect_narrow();
  peer.send(get_close("/big?kb=256"));
  stage.wait_phase("flush");
  stage.signal(SIGTERM);
}

/// In flight when the drain begins, and still when its budget is over.
std::function<void(Stage&)> outlast_drain(std::string request, std::string phase) {
  return [request, phase](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(request);
    stage.wait_phase(phase);
    stage.signal(SIGTERM);
    stage.check(peer.read_to_end() != StreamSight::nothing, "the drain did not end the stream");
    peer.close();
  };
}

Case drain_case(std::string name, std::string request, std::string phase, const Row& expected) {
  Case out{std::move(name),
           {{"timeout.drain", phase, "timeout"}},
           {"--timeout-drain", "500ms"},
           outlast_drain(std::move(request), expected.phase),
           {{expected, {expected}}}};
  out.exit_status = 1;
  return out;
}

std::vector<Case> drain_cases() {
  const auto flags = [](Case each) {
    each.exit_status = 1;
    return each;
  };
  const Row flushing = drained("flush", "partial").undelivered(kUnread, 257 * kKiB).answered(200);
  return {
      drain_case("drain_head", "GET /ping HTTP/1.1\r\nHo", "head", drained("head", "nothing_owed")),
      drain_case("drain_body", post("/echo", 100, "0123"), "body", drained("body", "nothing_owed")),
      drain_case("drain_handling", get("/slow?ms=9000"), "handling", drained("handling", "none")),
      drain_case("drain_response", get("/stream?n=100&ms=200"), "response",
                 drained("response", "partial").undelivered(0, 64 * kKiB)),
      flags({"drain_fresh",
             {{"timeout.drain", "fresh", "timeout"}},
             {"--timeout-drain", "300ms"},
             stay_fresh,
             {{row("local", "timeout", "fresh", "timeout.drain", "notice", "nothing_owed")
                   .with("timer", "timeout-drain = 300ms"),
               {}}}}),
      flags({"drain_flush",
             {{"timeout.drain", "flush", "timeout"}},
             {"--timeout-drain", "500ms"},
             never_read_last,
             {{flushing, {flushing}}}}),
  };
}

std::vector<Case> lifetime_cases() {
  const std::vector<std::string> flags = {"--timeout-lifetime", "500ms"};
  const auto claim = [](std::string phase) {
    return std::vector<Claim>{{"timeout.lifetime", std::move(phase), "timeout"}};
  };
  return {
      {"lifetime_fresh",
       claim("fresh"),
       flags,
       wait_fresh,
       {{lifetime("fresh", "nothing_owed"), {}}}},
      {"lifetime_idle",
       claim("idle"),
       flags,
       wait_after_request,
       {{lifetime("idle", "all"), {served()}}}},
      {"lifetime_handling",
       claim("handling"),
       flags,
       finish_over_budget(get("/slow?ms=1000")),
       {{lifetime("handling", "all"), {served_last()}}}},
      {"lifetime_response",
       claim("response"),
       flags,
       finish_over_budget(get("/stream?n=10&ms=100")),
       {{lifetime("response", "all"), {served_last()}}}},
      {"lifetime_head",
       claim("head"),
       flags,
       drag_out("GET /ping HTTP/1.1\r\nHo"),
       {{lifetime("head", "nothing_owed"), {lifetime("head", "nothing_owed").answered(0)}}}},
      {"lifetime_body",
       claim("body"),
       flags,
       drag_out(post("/echo", 100, "0123")),
       {{lifetime("body", "nothing_owed"), {lifetime("body", "nothing_owed").answered(0)}}}},
  };
}

}  // namespace

std::vector<Case> budget_cases() { return joined(lifetime_cases(), drain_cases()); }

}  // namespace finack::matrix
