#include <fmt/format.h>

#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

Row cut(Leave way, std::string_view phase, std::string_view delivered) {
  return row("peer", word(way), phase, "client.body_truncated", "fault", delivered);
}

Row cut_of(Leave way, std::string_view phase, std::string_view delivered, int received,
           int promised) {
  return cut(way, phase, delivered)
      .with("expected_bytes", fmt::format("{}", promised))
      .with("received_bytes", fmt::format("{}", received));
}

void silent(Stage& stage, Leave way) {
  Peer& peer = stage.connect();
  stage.settle();
  leave(peer, way);
}

void head_after_request(Stage& stage, Leave way) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  peer.send("GET /pi");
  stage.settle();
  leave(peer, way);
}

/// A whole request and a cut one in one send; the first is answered and read.
std::function<void(Stage&)> cut_behind(std::string cut, Leave way) {
  return [cut, way](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(get("/ping") + cut);
    stage.check_answer(peer.read_response(), 200);
    stage.settle();
    leave(peer, way);
  };
}

/// The same, with the FIN in the kernel before the server looks. The first is owed its answer.
std::function<void(Stage&)> cut_behind_at_once(std::string cut) {
  return [cut](Stage& stage) {
    Peer& peer = stage.connect();
    stage.wait_phase("fresh");
    stage.freeze();
    peer.send(get("/ping") + cut);
    peer.finish_sending();
    stage.thaw();
    stage.check_answer(peer.read_response(), 200);
    see_fin(stage, peer);
  };
}

/// The response runs while the request's body is still owed.
void body_while_response(Stage& stage, Leave way) {
  Peer& peer = stage.connect();
  peer.send(get("/stream?n=100&ms=400", "Content-Length: 100\r\n") + "0123456789");
  peer.read_bytes(1);
  stage.check(peer.read_to_end(Millis(120)) == StreamSight::nothing, "the response ended early");
  leave(peer, way);
}

std::vector<Case> cases_of(Leave way) {
  const std::string how(word(way));
  const auto name = [&](std::string_view what) { return fmt::format("{}_{}", what, how); };
  const auto by = [&](std::string cause, std::string phase) {
    return std::vector<Claim>{{std::move(cause), std::move(phase), how}};
  };
  const auto both = [](const Row& r) { return std::vector<Expected>{{r, {r}}}; };
  const Row head = row("peer", how, "head", "client.head_truncated", "notice", "nothing_owed");
  Row later_head = head;
  later_head.delivered = "all";
  std::vector<Case> out = {
      {name("silent"),
       by("client.silent", "fresh"),
       {},
       [way](Stage& s) { silent(s, way); },
       {{row("peer", how, "fresh", "client.silent", "normal", "nothing_owed"), {}}}},
      {name("head_cut"),
       by("client.head_truncated", "head"),
       {},
       send_and_leave("GET /ping HTTP/1.1\r\nHos", way),
       both(head)},
      {name("head_cut_after_request"),
       by("client.head_truncated", "head"),
       {},
       [way](Stage& s) { head_after_request(s, way); },
       {{later_head, {served(), head}}}},
      {name("body_cut"),
       by("client.body_truncated", "body"),
       {},
       send_and_leave(post("/echo", 100, "0123456789"), way),
       both(cut_of(way, "body", "nothing_owed", 10, 100))},
      {name("body_cut_before_its_first_byte"),
       by("client.body_truncated", "body"),
       {},
       send_and_leave(post("/echo", 100, ""), way),
       both(cut_of(way, "body", "nothing_owed", 0, 100))},
      {name("chunk_cut"),
       by("client.body_truncated", "body"),
       {},
       send_and_leave(post_chunked("/echo", "5\r\nhel"), way),
       both(cut(way, "body", "nothing_owed"))},
      {name("last_chunk_missing"),
       by("client.body_truncated", "body"),
       {},
       send_and_leave(post_chunked("/echo", "5\r\nhello\r\n"), way),
       both(cut(way, "body", "nothing_owed"))},
      {name("trailers_cut"),
       by("client.body_truncated", "body"),
       {},
       send_and_leave(post_chunked("/echo", "5\r\nhello\r\n0\r\nX-T: "), way),
       both(cut(way, "body", "nothing_owed"))},
      {name("body_cut_while_handling"),
       by("client.body_truncated", "handling"),
       {},
       send_and_leave(get("/slow?ms=3000", "Content-Length: 10\r\n") + "0123", way),
       both(cut_of(way, "handling", "nothing_owed", 4, 10))},
      {name("body_cut_while_response"),
       by("client.body_truncated", "response"),
       {},
       [way](Stage& s) { body_while_response(s, way); },
       both(cut_of(way, "response", "partial", 10, 100).undelivered(0, 64 * kKiB))},
  };
  return out;
}

/// A request that is cut behind a whole one.
std::vector<Case> pipelined_cases(Leave way) {
  const std::string how(word(way));
  const Row head = row("peer", how, "head", "client.head_truncated", "notice", "nothing_owed");
  Row head_connection = head;
  head_connection.delivered = "all";
  return {
      {fmt::format("pipelined_head_cut_{}", how),
       {{"client.head_truncated", "head", how}},
       {},
       cut_behind("GET /pi", way),
       {{head_connection, {served(), head}}}},
      {fmt::format("pipelined_body_cut_{}", how),
       {{"client.body_truncated", "body", how}},
       {},
       cut_behind(post("/echo", 100, "0123"), way),
       {{cut_of(way, "body", "all", 4, 100),
         {served(), cut_of(way, "body", "nothing_owed", 4, 100)}}}},
  };
}

/// Whether the answer is acknowledged when the connection ends is the kernel's matter.
std::vector<Case> pipelined_at_once_cases() {
  constexpr std::uint64_t kAnswer = 512;
  const Row head = row("peer", "fin", "head", "client.head_truncated", "notice", "nothing_owed");
  Row head_connection = head;
  head_connection.delivered = "all|none";
  head_connection.undelivered_max = kAnswer;
  const Row waiting = row("peer", "rst", "handling", "client.left_waiting", "notice", "none");
  return {
      {"pipelined_head_cut_at_once",
       {{"client.head_truncated", "head", "fin"}},
       {},
       cut_behind_at_once("GET /pi"),
       {{head_connection, {served(), head}}}},
      {"pipelined_body_cut_at_once",
       {{"client.body_truncated", "body", "fin"}},
       {},
       cut_behind_at_once(post("/echo", 100, "0123")),
       {{cut_of(Leave::fin, "body", "all", 4, 100),
         {served(), cut_of(Leave::fin, "body", "nothing_owed", 4, 100)}}}},
      // The second was never begun: the client left while the first was handled.
      {"pipelined_head_cut_while_handling",
       {{"client.left_waiting", "handling", "rst"}},
       {},
       send_and_leave(get("/slow?ms=3000") + "GET /pi", Leave::rst),
       {{waiting, {waiting}}}},
  };
}

}  // namespace

std::vector<Case> truncated_cases() {
  return joined(joined(cases_of(Leave::fin), cases_of(Leave::rst)),
                joined(pipelined_cases(Leave::fin),
                       joined(pipelined_cases(Leave::rst), pipelined_at_once_cases())));
}

}  // namespace finack::matrix
