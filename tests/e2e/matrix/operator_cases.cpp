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

/// What the peer still owes of its request comes after the drain began: it is served, once more.
std::function<void(Stage&)> finish_in_drain(std::string begin, std::string rest,
                                            std::string phase) {
  return [begin, rest, phase](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(begin);
    stage.wait_phase(phase);
    stage.signal(SIGTERM);
    stage.wait_drain();
    if (!rest.empty()) peer.send(rest);
    stage.check_answer(peer.read_response(), 200);
    see_fin(stage, peer);
  };
}

/// Within the moment that a fresh connection gets.
void signal_twice_fresh(Stage& stage) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");
  stage.signal(SIGTERM);
  stage.settle(Millis(50));
  stage.signal(SIGTERM);
  stage.check(peer.read_to_end() != StreamSight::nothing, "the second signal did not force");
}

/// The last response is with the kernel, and nobody reads it.
Peer& never_read_last(Stage& stage) {
  Peer& peer = stage.connect_narrow();
  peer.send(get_close("/big?kb=256"));
  stage.wait_phase("flush");
  return peer;
}

void signal_twice_in_flush(Stage& stage) {
  never_read_last(stage);
  stage.signal(SIGTERM);
  stage.settle(Millis(200));
  stage.signal(SIGTERM);
}

void kill_in_flush(Stage& stage) {
  const Peer& peer = never_read_last(stage);
  stage.settle();
  stage.kill_socket(stage.server().port(), peer.local_port());
}

void kill_fresh(Stage& stage) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");
  stage.kill_socket(stage.server().port(), peer.local_port());
  stage.check(peer.read_to_end() == StreamSight::reset, "the peer was to see a reset");
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

std::vector<Claim> claim(std::string cause, std::string phase, std::string how) {
  return {{std::move(cause), std::move(phase), std::move(how)}};
}

/// A row in flush: what a narrow peer did not read of 256 KiB.
Row unread(Row&& flushing) {
  return std::move(flushing).undelivered(192 * kKiB, 257 * kKiB).answered(200);
}

std::vector<Case> shutdown_cases() {
  const auto in_flight = [](std::string phase, std::string begin, std::string rest) {
    return Case{"shutdown_in_" + phase,
                claim("operator.shutdown", phase, "fin"),
                {},
                finish_in_drain(std::move(begin), std::move(rest), phase),
                {{shut_down(phase, "all"), {served_last()}}}};
  };
  return {
      in_flight("head", "GET /ping HTTP/1.1\r\nHo", "st: a\r\n\r\n"),
      in_flight("body", post("/echo", 10, "0123"), "456789"),
      in_flight("response", get("/stream?n=10&ms=150"), ""),
  };
}

std::vector<Case> forced_cases() {
  const Row flushing = unread(forced("flush", "partial"));
  Case fresh{"shutdown_forced_fresh",
             claim("operator.shutdown_forced", "fresh", "rst"),
             {},
             signal_twice_fresh,
             {{forced("fresh", "nothing_owed"), {}}}};
  Case flush{"shutdown_forced_flush",
             claim("operator.shutdown_forced", "flush", "rst"),
             {},
             signal_twice_in_flush,
             both(flushing)};
  fresh.exit_status = flush.exit_status = 1;
  return {
      force_case("shutdown_forced_head", "head", "GET /ping HTTP/1.1\r\nHo",
                 forced("head", "nothing_owed")),
      force_case("shutdown_forced_body", "body", post("/echo", 100, "0123"),
                 forced("body", "nothing_owed")),
      std::move(fresh),
      std::move(flush),
  };
}

std::vector<Case> killed_cases() {
  const auto in = [](const std::string& phase) { return claim("operator.killed", phase, "rst"); };
  return {
      {"killed_fresh", in("fresh"), {}, kill_fresh, {{killed("fresh", "nothing_owed"), {}}}},
      {"killed_head",
       in("head"),
       {},
       kill_in_flight("GET /ping HTTP/1.1\r\nHo", "head"),
       both(killed("head", "nothing_owed"))},
      {"killed_body",
       in("body"),
       {},
       kill_in_flight(post("/echo", 100, "0123"), "body"),
       both(killed("body", "nothing_owed"))},
      {"killed_flush", in("flush"), {}, kill_in_flush, both(unread(killed("flush", "partial")))},
  };
}

std::vector<Case> first_cases() {
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

}  // namespace

std::vector<Case> operator_cases() {
  return joined(joined(first_cases(), shutdown_cases()), joined(forced_cases(), killed_cases()));
}

}  // namespace finack::matrix
