#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

/// The handler fails, the peer gets its 500, and the connection serves on.
std::function<void(Stage&)> fail_and_go_on(std::string target, int status = 500) {
  return [target, status](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(get(target));
    stage.check_answer(peer.read_response(), status);
    ping(stage, peer);
    stage.settle();
    peer.close();
  };
}

/// The one pool thread is busy, and nothing may queue.
void shed_by_the_pool(Stage& stage) {
  Peer& first = stage.connect();
  first.send(get("/blocking?ms=400"));
  stage.wait_phase("handling");
  Peer& second = stage.connect();
  second.send(get("/blocking?ms=1"));
  stage.check_answer(second.read_response(), 503);
  stage.check_answer(first.read_response(), 200);
  stage.settle();
  first.close();
  second.close();
}

void be_aborted(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/abort"));
  stage.check(peer.read_to_end() == StreamSight::reset, "the abort was to be seen as a reset");
  stage.check(peer.received() == 0, "an aborted request was answered");
}

/// With a Content-Length our FIN shows the peer whether the body came whole: too few bytes are a
/// cut response, of too many it gets those that were promised.
std::function<void(Stage&)> read_broken_body(std::string target, bool whole) {
  return [=](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(get(target));
    const Response response = peer.read_response();
    stage.check(response.status == 200 && response.complete == whole,
                whole ? "the promised bytes did not come" : "the response was to be cut");
    see_fin(stage, peer);
  };
}

}  // namespace

std::vector<Case> app_cases() {
  const auto failed = [](std::string_view cause) {
    return row("local", "reply", "handling", cause, "fault", "handed").answered(500);
  };
  const auto broken = [](std::string_view cause, std::string_view delivered) {
    return row("local", "fin", "response", cause, "fault", delivered);
  };
  return {
      {"app_abort",
       {{"app.abort", "handling", "rst"}},
       {},
       be_aborted,
       both(row("local", "rst", "handling", "app.abort", "notice", "none").answered(0))},
      {"app_failed",
       {{"app.failed", "handling", "reply"}},
       {},
       fail_and_go_on("/panic"),
       {{closed_idle(), {failed("app.failed").with("exception", "*"), served()}}}},
      {"no_route",
       {{"policy.no_route", "handling", "reply"}},
       {},
       fail_and_go_on("/nowhere", 404),
       {{closed_idle(),
         {row("local", "reply", "handling", "policy.no_route", "notice", "handed").answered(404),
          served()}}}},
      {"overload_shed",
       {{"policy.overload_shed", "handling", "reply"}},
       {"--blocking-threads", "1", "--blocking-queue", "0"},
       shed_by_the_pool,
       {{closed_idle(), {served()}},
        {closed_idle(),
         {row("local", "reply", "handling", "policy.overload_shed", "fault", "handed")
              .answered(503)}}}},
      {"app_no_reply",
       {{"app.no_reply", "handling", "reply"}},
       {},
       fail_and_go_on("/no-reply"),
       {{closed_idle(), {failed("app.no_reply"), served()}}}},
      {"app_body_short",
       {{"app.body_short", "response", "fin"}},
       {},
       read_broken_body("/short-body", false),
       both(broken("app.body_short", "partial"))},
      {"app_body_over",
       {{"app.body_over", "response", "fin"}},
       {},
       read_broken_body("/over-body", true),
       both(broken("app.body_over", "all"))},
  };
}

}  // namespace finack::matrix
