#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

/// The handler fails, the peer gets its 500, and the connection serves on.
std::function<void(Stage&)> fail_and_go_on(std::string target) {
  return [target](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(get(target));
    stage.check_answer(peer.read_response(), 500);
    ping(stage, peer);
    stage.settle();
    peer.close();
  };
}

void be_aborted(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/abort"));
  stage.check(peer.read_to_end() == StreamSight::reset, "the abort was to be seen as a reset");
  stage.check(peer.received() == 0, "an aborted request was answered");
}

/// The response has its promised length, but the peer never sees it come whole.
std::function<void(Stage&)> read_broken_body(std::string target) {
  return [target](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(get(target));
    stage.check(peer.read_to_end() != StreamSight::nothing, "the connection was kept");
    peer.close();
  };
}

}  // namespace

std::vector<Case> app_cases() {
  const auto failed = [](std::string_view cause) {
    return row("local", "reply", "handling", cause, "fault", "handed").answered(500);
  };
  const auto broken = [](std::string_view cause) {
    return row("local", "rst", "response", cause, "fault", "partial").undelivered(0, 4 * kKiB);
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
      {"app_no_reply",
       {{"app.no_reply", "handling", "reply"}},
       {},
       fail_and_go_on("/no-reply"),
       {{closed_idle(), {failed("app.no_reply"), served()}}}},
      {"app_body_short",
       {{"app.body_short", "response", "rst"}},
       {},
       read_broken_body("/short-body"),
       both(broken("app.body_short"))},
      {"app_body_over",
       {{"app.body_over", "response", "rst"}},
       {},
       read_broken_body("/over-body"),
       both(broken("app.body_over"))},
  };
}

}  // namespace finack::matrix
