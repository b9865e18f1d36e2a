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

}  // namespace

std::vector<Case> truncated_cases() { return joined(cases_of(Leave::fin), cases_of(Leave::rst)); }

}  // namespace finack::matrix
