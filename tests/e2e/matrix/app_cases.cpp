#include <fmt/format.h>

#include "e2e/matrix/acts.h"
#include "e2e/support/metrics_page.h"

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

/// Streams a chunk and then fails: the missing last chunk shows that the response was cut.
void read_cut_stream(Stage& stage, const std::string& target) {
  Peer& peer = stage.connect();
  peer.send(get(target));
  const Response response = peer.read_response();
  stage.check(response.status == 200 && !response.complete, "the response was to be cut");
  see_fin(stage, peer);
}

/// To HTTP/1.0 the FIN is the end of the body, so that only a RST can say that it was cut.
void read_reset_stream(Stage& stage, const std::string& target) {
  Peer& peer = stage.connect();
  peer.send(fmt::format("GET {} HTTP/1.0\r\n\r\n", target));
  stage.check(peer.read_to_end() == StreamSight::reset, "the cut response was to end in a reset");
}

/// The handler waits for a body that does not come, and aborts.
void be_aborted_in_body(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(post("/impatient?abort", 100, "0123"));
  stage.check(peer.read_to_end() == StreamSight::reset, "the abort was to be seen as a reset");
  stage.check(peer.received() == 0, "an aborted request was answered");
}

/// The pool thread cannot be told that its client has left.
void leave_pool_thread(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/blocking?ms=3000"));
  stage.wait_phase("handling");
  stage.settle();  // The pool thread must have begun.
  peer.reset();
}

/// The handler throws when its client is gone already: that is evidence, and counted.
void leave_before_panic(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/panic?ms=3000"));
  stage.wait_phase("handling");
  peer.reset();
  const bool counted = e2e::eventually(stage.deadline().within(Millis(5000)), [&] {
    const MetricsPage page(fetch_metrics(stage.server().admin_port(), stage.deadline()));
    return page.sum("finack_handler_exceptions_total") == 1;
  });
  stage.check(counted, "the exception was not counted");
}

void block_loop(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/busy?ms=400"));
  stage.check_answer(peer.read_response(), 200);
  stage.settle();
  peer.close();
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

/// What a handler that fails behind the first chunk leaves: by FIN, and to HTTP/1.0 by RST.
std::vector<Case> cut_stream_cases() {
  const auto cut = [](std::string_view how, std::string_view cause, std::string_view severity) {
    return row("local", how, "response", cause, severity, how == "rst" ? "partial|none" : "partial")
        .undelivered(0, how == "rst" ? kKiB : 0);
  };
  std::vector<Case> out;
  for (const std::string how : {"fin", "rst"}) {
    const auto act = [how](std::string target) {
      return [how, target](Stage& stage) {
        how == "fin" ? read_cut_stream(stage, target) : read_reset_stream(stage, target);
      };
    };
    const Row failed = cut(how, "app.failed", "fault").with("exception", "*").answered(200);
    const Row aborted = cut(how, "app.abort", "notice").answered(200);
    out.push_back({fmt::format("app_failed_in_response_{}", how),
                   {{"app.failed", "response", how}, {"app.body_short", "response", how}},
                   {},
                   act("/panic?after=1"),
                   {{cut(how, "app.body_short", "fault"), {failed}}}});
    out.push_back({fmt::format("app_abort_in_response_{}", how),
                   {{"app.abort", "response", how}},
                   {},
                   act("/abort?after=1"),
                   {{aborted, {aborted}}}});
  }
  return out;
}

std::vector<Case> finding_cases() {
  const Row left = row("peer", "rst", "handling", "client.left_waiting", "notice", "none");
  Row left_running = left;
  left_running.evidence = {{"handler_after_left_us", "*"}};
  Case outlived{"handler_outlived_client",
                {{"client.left_waiting", "handling", "rst"}},
                {},
                leave_pool_thread,
                {{left, {left_running}}}};
  left_running.evidence.emplace_back("exception", "*");
  Case thrown{"app_failed_after_client_left",
              {{"client.left_waiting", "handling", "rst"}},
              {},
              leave_before_panic,
              {{left, {left_running}}}};
  outlived.findings = {{"finding.handler_outlived_client", "/blocking", 1'000'000, 8'000'000}};
  Case blocked{"loop_blocked", {}, {}, block_loop, {{closed_idle(), {served()}}}};
  blocked.findings = {{"finding.loop_blocked", "/busy", 50'000, 5'000'000}};
  return {std::move(outlived), std::move(thrown), std::move(blocked)};
}

std::vector<Case> handler_cases() {
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
      {"app_abort_in_body",
       {{"app.abort", "body", "rst"}},
       {},
       be_aborted_in_body,
       both(row("local", "rst", "body", "app.abort", "notice", "nothing_owed").answered(0))},
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
      {"app_body_short_file",
       {{"app.body_short", "response", "fin"}},
       {},
       read_broken_body("/shrunk-file", false),
       both(broken("app.body_short", "partial"))},
      {"disk_unreadable_file",
       {{"resource.disk", "response", "fin"}},
       {},
       read_broken_body("/unreadable-file", false),
       both(broken("resource.disk", "partial").with("resource", "disk").with("error", "EINVAL"))},
      {"app_body_over",
       {{"app.body_over", "response", "fin"}},
       {},
       read_broken_body("/over-body", true),
       both(broken("app.body_over", "all"))},
  };
}

}  // namespace

std::vector<Case> app_cases() {
  return joined(joined(handler_cases(), cut_stream_cases()), finding_cases());
}

}  // namespace finack::matrix
