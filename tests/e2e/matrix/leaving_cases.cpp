#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

constexpr std::uint64_t kBig = 8000 * kKiB;     ///< Never fits into socket buffers.
constexpr std::uint64_t kFlushed = 256 * kKiB;  ///< The kernel takes it at once.
constexpr std::uint64_t kNarrow = 64 * kKiB;    ///< More than a narrow peer's kernel takes unread.
constexpr std::uint64_t kMostHead = 512;
constexpr std::uint64_t kProbe = 25;  ///< Bytes of "HTTP/1.1 100 Continue".

Row left_waiting(Leave way) {
  return row("peer", word(way), "handling", "client.left_waiting", "notice", "none")
      .with("certainty", "proved");
}

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

/// The whole request and the RST lie in the kernel before the server looks.
void request_and_reset_at_once(Stage& stage) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");  // accepted: else the wake-up that accepts sees the first bytes alone
  stage.freeze();
  peer.send(get("/ping"));
  peer.reset();
  stage.thaw();
}

/// Closes with nothing unread, so that a FIN leaves; the next chunk is answered by a RST.
void close_while_streaming(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/stream?n=100&ms=400"));
  peer.read_bytes(1);
  stage.check(peer.read_to_end(Millis(120)) == StreamSight::nothing, "the response ended early");
  peer.close();
}

void reset_while_receiving(Stage& stage) {
  Peer& peer = stage.connect_narrow();
  peer.send(get("/big?kb=8000"));
  peer.read_bytes(kNarrow);
  peer.reset();
}

/// close() with unread bytes in the socket is a RST of the kernel's own.
void close_with_unread(Stage& stage) {
  Peer& peer = stage.connect_narrow();
  peer.send(get("/big?kb=8000"));
  peer.read_bytes(kNarrow);
  stage.settle();
  peer.close();
}

void reset_with_unacknowledged(Stage& stage, const std::string& request, std::string_view phase) {
  Peer& peer = stage.connect_narrow();
  peer.send(request);
  stage.wait_phase(phase);
  stage.settle();
  peer.reset();
}

void reset_idle(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  stage.settle();
  peer.reset();
}

/// The kernel acknowledged the response; nobody read it.
void leave_with_unread_response(Stage& stage, Leave way) {
  Peer& peer = stage.connect();
  peer.send(get("/ping"));
  stage.wait_phase("idle");
  stage.settle();
  leave(peer, way);
}

std::vector<Case> waiting_cases() {
  const Claim waiting_fin{"client.left_waiting", "handling", "fin"};
  const Claim waiting_rst{"client.left_waiting", "handling", "rst"};
  return {
      {"left_waiting_close_probed",
       {waiting_fin},
       {},
       send_and_leave(get("/slow?ms=3000"), Leave::fin),
       both(left_waiting(Leave::fin).undelivered(0, kProbe).answered(0))},
      {"left_waiting_rst",
       {waiting_rst},
       {},
       send_and_leave(get("/slow?ms=3000"), Leave::rst),
       both(left_waiting(Leave::rst).answered(0))},
      {"left_waiting_request_and_rst_at_once",
       {waiting_rst},
       {},
       request_and_reset_at_once,
       both(left_waiting(Leave::rst).answered(0))},
      {"left_waiting_close_tolerated",
       {waiting_fin},
       {"--client-half-close", "tolerate"},
       send_and_leave(get("/slow?ms=500"), Leave::fin),
       both(left_waiting(Leave::fin).undelivered(1, kMostHead))},
      {"left_waiting_close_http10",
       {waiting_fin},
       {},
       send_and_leave("GET /slow?ms=500 HTTP/1.0\r\n\r\n", Leave::fin),
       both(left_waiting(Leave::fin).undelivered(1, kMostHead))},
      {"left_waiting_close_cancelled",
       {waiting_fin},
       {"--client-half-close", "cancel"},
       send_and_leave(get("/slow?ms=3000"), Leave::fin),
       both(left_waiting(Leave::fin).undelivered(1, kMostHead))},
      {"left_waiting_rst_tolerated",
       {waiting_rst},
       {"--client-half-close", "tolerate"},
       send_and_leave(get("/slow?ms=3000"), Leave::rst),
       both(left_waiting(Leave::rst).answered(0))},
      {"left_waiting_rst_cancelled",
       {waiting_rst},
       {"--client-half-close", "cancel"},
       send_and_leave(get("/slow?ms=3000"), Leave::rst),
       both(left_waiting(Leave::rst))},
  };
}

std::vector<Case> unread_cases() {
  const Claim receiving_rst{"client.left_receiving", "response", "rst"};
  const Claim reset_idle_claim{"client.reset_idle", "idle", "rst"};
  const Row receiving_by_rst =
      row("peer", "rst", "response", "client.left_receiving", "fault", "partial")
          .undelivered(kBig - 4 * kNarrow, kBig + kMostHead - kNarrow);
  const Row flushing = row("peer", "rst", "flush", "client.left_flush", "fault", "partial")
                           .undelivered(kFlushed - kNarrow, kFlushed + kMostHead);
  Row flushed_idle = flushing;
  flushed_idle.phase = "idle";
  flushed_idle.evidence = {{"first_unacknowledged_request", "1"}};
  const Row reset = row("peer", "rst", "idle", "client.reset_idle", "notice", "all")
                        .with("after_response_us", "*");
  return {
      {"left_receiving_close",
       {{"client.left_receiving", "response", "fin"}},
       {},
       close_while_streaming,
       both(row("peer", "fin", "response", "client.left_receiving", "fault", "partial")
                .undelivered(1, 64 * kKiB))},
      {"left_receiving_rst", {receiving_rst}, {}, reset_while_receiving, both(receiving_by_rst)},
      {"left_receiving_close_with_unread",
       {receiving_rst},
       {},
       close_with_unread,
       both(receiving_by_rst)},
      {"left_flush_rst",
       {{"client.left_flush", "flush", "rst"}},
       {},
       [](Stage& s) { reset_with_unacknowledged(s, get_close("/big?kb=256"), "flush"); },
       both(flushing)},
      {"left_flush_idle_rst",
       {{"client.left_flush", "idle", "rst"}},
       {},
       [](Stage& s) { reset_with_unacknowledged(s, get("/big?kb=256"), "idle"); },
       {{flushed_idle, {served()}}}},
      {"reset_idle", {reset_idle_claim}, {}, reset_idle, {{reset, {served()}}}},
      {"reset_idle_unread_response",
       {reset_idle_claim},
       {},
       [](Stage& s) { leave_with_unread_response(s, Leave::rst); },
       {{reset, {served()}}}},
      {"closed_idle_unread_response",
       {reset_idle_claim},
       {},
       [](Stage& s) { leave_with_unread_response(s, Leave::fin); },
       {{reset, {served()}}}},
  };
}

}  // namespace

std::vector<Case> leaving_cases() { return joined(waiting_cases(), unread_cases()); }

}  // namespace finack::matrix
