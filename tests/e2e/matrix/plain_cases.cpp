#include <fmt/format.h>

#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

const Claim kAgreed{"ok.completed", "flush", "fin"};
const Claim kServed{"ok.completed", "flush", "none"};
const Claim kClosedIdle{"ok.peer_closed_idle", "idle", "fin"};

/// One request, its answer, our FIN, the peer's FIN.
std::function<void(Stage&)> agreed(std::string request, bool head_only = false) {
  return [request, head_only](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(request);
    stage.check_answer(peer.read_response(Millis(5000), head_only), 200);
    see_fin(stage, peer);
  };
}

void reset_after_response(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get_close("/ping"));
  stage.check_answer(peer.read_response(), 200);
  stage.check(peer.read_to_end() == StreamSight::eof, "no FIN after the agreed close");
  stage.settle();  // The kernel may delay the acknowledgement of our FIN by 40 ms.
  peer.reset();
}

/// More than the request: a close() with these bytes unread would reset the response away.
void send_more_than_read(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get_close("/big?kb=512") + std::string(200 * kKiB, 'x'));
  const Response response = peer.read_response();
  stage.check_answer(response, 200);
  stage.check(response.body.size() == 512 * kKiB, "the response is not whole");
  see_fin(stage, peer);
}

void pings_then_close(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  ping(stage, peer);
  stage.settle();
  peer.close();
}

void ping_then_half_close(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  stage.settle();
  peer.finish_sending();
  see_fin(stage, peer);
}

void chunked_echo(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(post_chunked("/echo", "5\r\nhello\r\n3;a=b\r\n!!!\r\n0\r\nX-Trailer: y\r\n\r\n"));
  const Response response = peer.read_response();
  stage.check_answer(response, 200);
  stage.check(response.body == "hello!!!", "the echo differs");
  stage.settle();
  peer.close();
}

void pipelined_half_close(Stage& stage) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");  // accepted: else the wake-up that accepts sees the first bytes alone
  stage.freeze();
  peer.send(get("/ping") + get("/ping") + get("/ping"));
  peer.finish_sending();
  stage.thaw();
  for (int i = 0; i < 3; ++i) stage.check_answer(peer.read_response(), 200);
  see_fin(stage, peer);
}

void pipelined_close(Stage& stage) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");  // accepted: else the wake-up that accepts sees the first bytes alone
  stage.freeze();
  peer.send(get("/ping") + get("/ping") + get("/ping"));
  peer.close();
  stage.thaw();
}

void pipelined_slow_half_close(Stage& stage) {
  Peer& peer = stage.connect();
  const auto start = e2e::SteadyClock::now();
  peer.send(get("/slow?ms=250") + get("/slow?ms=250") + get("/ping"));
  stage.settle();
  peer.finish_sending();
  for (int i = 0; i < 3; ++i) stage.check_answer(peer.read_response(), 200);
  stage.check(e2e::SteadyClock::now() - start >= Millis(500), "the answers came too early");
  see_fin(stage, peer);
}

std::vector<Case> agreed_cases() {
  const auto linger = [](std::string_view how) {
    return agreed_close().with("linger", std::string(how));
  };
  return {
      {"completed_close",
       {kAgreed, kServed},
       {},
       agreed(get_close("/ping")),
       {{linger("fin"), {served_last()}}}},
      {"completed_http10",
       {kAgreed},
       {},
       agreed("GET /ping HTTP/1.0\r\n\r\n"),
       {{linger("fin"), {served_last()}}}},
      {"completed_head_method",
       {kAgreed},
       {},
       agreed("HEAD /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", true),
       {{linger("fin"), {served_last()}}}},
      {"completed_streamed",
       {kAgreed},
       {},
       agreed(get_close("/stream?n=5&ms=20")),
       {{linger("fin"), {served_last()}}}},
      {"completed_streamed_http10",
       {kAgreed},
       {},
       agreed("GET /stream?n=5&ms=20 HTTP/1.0\r\n\r\n"),
       {{linger("fin"), {served_last()}}}},
      {"completed_then_peer_resets",
       {kAgreed},
       {},
       reset_after_response,
       {{linger("rst"), {served_last()}}}},
      {"completed_though_more_was_sent",
       {kAgreed},
       {},
       send_more_than_read,
       {{linger("fin"), {served_last()}}}},
  };
}

std::vector<Case> idle_cases() {
  const Row half_closed =
      row("peer", "fin", "flush", "ok.half_close_served", "normal", "all").answered(200);
  return {
      {"closed_idle",
       {kClosedIdle, kServed},
       {},
       pings_then_close,
       {{closed_idle(), {served(), served()}}}},
      {"closed_idle_by_half_close",
       {kClosedIdle},
       {},
       ping_then_half_close,
       {{closed_idle(), {served()}}}},
      {"closed_idle_after_chunked_echo",
       {kClosedIdle},
       {},
       chunked_echo,
       {{closed_idle(), {served()}}}},
      // Requests and FIN in one wake-up: the FIN is known before the last answer is written.
      {"pipelined_half_close",
       {{"ok.half_close_served", "flush", "fin"}},
       {},
       pipelined_half_close,
       {{row("peer", "fin", "flush", "ok.half_close_served", "normal", "all"),
         {served(), served(), half_closed}}}},
      // The same, but the answers meet a socket that is gone.
      {"pipelined_close",
       {{"client.left_waiting", "handling", "fin"}},
       {},
       pipelined_close,
       {{row("peer", "fin", "handling", "client.left_waiting", "notice", "none")
             .undelivered(1, 3 * kKiB)
             .with("first_unacknowledged_request", "1"),
         {served(), served(),
          row("peer", "fin", "handling", "client.left_waiting", "notice", "none")
              .undelivered(1, kKiB)}}}},
      {"pipelined_slow_half_close",
       {{"ok.half_close_served", "flush", "fin"}, kServed},
       {},
       pipelined_slow_half_close,
       {{row("peer", "fin", "flush", "ok.half_close_served", "normal", "all"),
         {served(), served(), half_closed}}}},
      // The second request was never begun: the client left while the first was handled.
      {"pipelined_slow_close",
       {{"client.left_waiting", "handling", "fin"}},
       {},
       send_and_leave(get("/slow?ms=3000") + get("/ping"), Leave::fin),
       {{row("peer", "fin", "handling", "client.left_waiting", "notice", "none").undelivered(0, 25),
         {row("peer", "fin", "handling", "client.left_waiting", "notice", "none")
              .undelivered(0, 25)
              .answered(0)}}}},
  };
}

}  // namespace

std::vector<Case> plain_cases() { return joined(agreed_cases(), idle_cases()); }

}  // namespace finack::matrix
