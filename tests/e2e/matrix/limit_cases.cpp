#include <sys/resource.h>

#include <cstdlib>
#include <string_view>

#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

Row limited() {
  return row("local", "fin", "accept", "policy.connection_limited", "notice", "nothing_owed");
}

Row shed() {
  return row("local", "fin", "accept", "resource.descriptors", "fault", "nothing_owed")
      .with("resource", "descriptors");
}

/// Holds one connection busy, so that no idle one can be evicted.
void start_busy(Stage& stage) {
  stage.connect().send(get("/slow?ms=1500"));
  stage.wait_phase("handling");
}

void finish_busy(Stage& stage) {
  Peer& busy = stage.peers().front();
  stage.check_answer(busy.read_response(), 200);
  stage.settle();
  busy.close();
}

void be_refused(Stage& stage) {
  Peer& peer = stage.connect();
  see_fin(stage, peer);
  stage.check(peer.received() == 0, "no answer is owed to a connection over the limit");
}

void one_too_many(Stage& stage) {
  start_busy(stage);
  be_refused(stage);
  finish_busy(stage);
}

/// What the client has sent by then must not turn our FIN into a reset.
void one_too_many_that_asks(Stage& stage) {
  start_busy(stage);
  stage.freeze();
  Peer& peer = stage.connect();
  peer.send(get("/ping"));
  stage.thaw();
  see_fin(stage, peer);
  finish_busy(stage);
}

void one_too_many_of_an_address(Stage& stage) {
  start_busy(stage);
  be_refused(stage);
  e2e::PeerOptions elsewhere;
  elsewhere.source = "127.0.0.2";
  Peer& other = stage.connect(elsewhere);
  ping(stage, other);
  stage.settle();
  other.close();
  finish_busy(stage);
}

void ask_until_the_last(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  peer.send(get("/ping"));
  const Response last = peer.read_response();
  stage.check_answer(last, 200);
  stage.check(last.header("connection") == "close", "the last answer lacks Connection: close");
  see_fin(stage, peer);
}

void be_evicted(Stage& stage, bool send_after) {
  Peer& idle = stage.connect();
  ping(stage, idle);
  stage.settle();
  Peer& next = stage.connect();
  ping(stage, next);
  stage.check(idle.read_to_end() == StreamSight::eof, "the idle peer expected a FIN");
  if (send_after) idle.send(get("/ping"));
  stage.settle();
  idle.close();
  next.close();
}

/// The handler answers before the body has come; the peer sends on, and ends as it likes.
void be_answered_early(Stage& stage, bool finish_body) {
  Peer& peer = stage.connect();
  peer.send(post("/upload-early?status=413", 200'000, std::string(1000, 'x')));
  const Response response = peer.read_response();
  stage.check_answer(response, 413);
  stage.check(response.header("connection") == "close", "the answer lacks Connection: close");
  if (finish_body) peer.send(std::string(199'000, 'x'));
  see_fin(stage, peer);
}

/// The answer has gone out, and the client breaks its upload off.
void be_answered_early_and_reset(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(post("/upload-early?status=413", 200'000, std::string(1000, 'x')));
  stage.check_answer(peer.read_response(), 413);
  stage.settle();
  peer.reset();
}

/// The closing response is under way, and its client breaks off the body that it still owes.
void reset_body_under_closing_response(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/stream?n=100&ms=100", "Connection: close\r\nContent-Length: 100\r\n") + "0123");
  stage.wait_phase("response");
  stage.settle();
  peer.reset();
}

/// The handler waits for the body, and gives up.
void be_given_up(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(post("/impatient", 100, "0123"));
  const Response response = peer.read_response();
  stage.check_answer(response, 413);
  stage.check(response.header("connection") == "close", "the answer lacks Connection: close");
  see_fin(stage, peer);
}

/// A streamed response ends while the body is still owed.
void be_streamed_early(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/stream?n=3&ms=80", "Content-Length: 100\r\n") + "0123456789");
  stage.check_answer(peer.read_response(), 200);
  see_fin(stage, peer);
}

/// UBSan looks at an object's type through a pipe: without descriptors every object looks broken.
void skip_without_pipes() {
  const char* sanitizers = std::getenv("FINACK_SANITIZE");
  if (sanitizers != nullptr && std::string_view(sanitizers).find("undefined") != std::string::npos)
    throw Skipped("UBSan itself needs descriptors");
}

/// The same with requests that are here before anybody looks: who is shut out sees a FIN, and not a
/// reset by its unread request.
void use_up_descriptors_asking(Stage& stage) {
  skip_without_pipes();
  stage.freeze();
  for (int i = 0; i < 36; ++i) stage.connect().send(get("/slow?ms=2500"));
  stage.thaw();
  std::size_t shut_out = 0;
  for (Peer& peer : stage.peers()) {
    const Response response = peer.read_response();
    if (response.status == 200) {
      stage.expect({closed_idle(), {served()}});
      continue;
    }
    ++shut_out;
    stage.check(peer.received() == 0, "a connection without a descriptor got bytes");
    see_fin(stage, peer);
    stage.expect({shed(), {}});
  }
  stage.check(shut_out > 0, "the server never ran out of descriptors");
  stage.settle();
  for (Peer& peer : stage.peers()) {
    if (peer.received() > 0) peer.close();
  }
}

/// Connects more often than the server has descriptors. Who is shut out says nothing, gets nothing
/// and is closed; the others are served. Afterwards there is room again.
void use_up_descriptors(Stage& stage, const Row& shut_out) {
  skip_without_pipes();
  for (int i = 0; i < 36; ++i) stage.connect();
  stage.settle(Millis(1500));
  std::vector<Peer*> kept;
  for (Peer& peer : stage.peers()) {
    if (peer.read_to_end(Millis(0)) == StreamSight::nothing) {
      kept.push_back(&peer);
      stage.expect({closed_idle(), {served()}});
    } else {
      peer.close();
      stage.expect({shut_out, {}});
    }
  }
  stage.check(kept.size() < 36, "the server never ran out of descriptors");
  for (Peer* peer : kept) ping(stage, *peer);
  stage.settle();
  for (Peer* peer : kept) peer->close();
  stage.settle(Millis(300));
  Peer& late = stage.connect();
  ping(stage, late);
  stage.settle();
  late.close();
  stage.expect({closed_idle(), {served()}});
}

/// The limit falls under what the server has shared out: the kernel itself says that none is left.
void use_up_fewer_descriptors(Stage& stage) {
  const rlimit fewer{40, 40};
  if (::prlimit(stage.server().pid(), RLIMIT_NOFILE, &fewer, nullptr) != 0)
    throw Skipped("another process's limits cannot be set here");
  use_up_descriptors(stage, shed().with("error", "EMFILE"));
}

std::vector<Case> early_reply_cases() {
  const Row early =
      row("local", "reply", "handling", "policy.early_reply", "notice", "all").answered(413);
  const auto early_in = [](std::string_view phase, int status) {
    const Row expected =
        row("local", "reply", phase, "policy.early_reply", "notice", "all").answered(status);
    return std::vector<Expected>{{expected, {expected}}};
  };
  const Claim early_claim{"policy.early_reply", "handling", "reply"};
  const Row early_reset = Row(early).with("linger", "rst");
  const Row cut_off = row("peer", "rst", "response", "client.left_receiving", "fault", "partial")
                          .undelivered(0, 64 * kKiB);
  return {
      {"early_reply",
       {early_claim},
       {},
       [](Stage& s) { be_answered_early(s, false); },
       {{early, {early}}}},
      {"early_reply_body_finished_later",
       {early_claim},
       {},
       [](Stage& s) { be_answered_early(s, true); },
       {{early, {early}}}},
      {"early_reply_then_rst",
       {early_claim},
       {},
       be_answered_early_and_reset,
       {{early_reset, {early}}}},
      {"body_reset_under_closing_response",
       {{"client.left_receiving", "response", "rst"}},
       {},
       reset_body_under_closing_response,
       {{cut_off, {cut_off}}}},
      {"early_reply_in_body",
       {{"policy.early_reply", "body", "reply"}},
       {},
       be_given_up,
       early_in("body", 413)},
      {"early_reply_in_response",
       {{"policy.early_reply", "response", "reply"}},
       {},
       be_streamed_early,
       early_in("response", 200)},
  };
}

std::vector<Case> shut_out_cases() {
  const Claim connections{"policy.connection_limited", "accept", "fin"};
  const Row evicted = row("local", "fin", "idle", "policy.idle_evicted", "notice", "all");
  const Row raced = row("local", "timeout", "idle", "timeout.idle_raced", "fault", "all");
  Case descriptors{
      "descriptors_exhausted", {{"resource.descriptors", "accept", "fin"}}, {}, [](Stage& s) {
        use_up_descriptors(s, shed());
      }};
  descriptors.descriptors = 40;
  descriptors.from_act = {{shed(), {}}};
  Case fewer = descriptors;
  fewer.name = "descriptors_taken_away";
  fewer.descriptors = 1024;
  fewer.act = use_up_fewer_descriptors;
  Case asking = descriptors;
  asking.name = "descriptors_exhausted_that_ask";
  asking.act = use_up_descriptors_asking;
  return {
      {"connections_limited_in_all",
       {connections},
       {"--max-connections", "1"},
       one_too_many,
       {{closed_idle(), {served()}}, {limited(), {}}}},
      {"connections_limited_that_ask",
       {connections},
       {"--max-connections", "1"},
       one_too_many_that_asks,
       {{closed_idle(), {served()}}, {limited(), {}}}},
      {"connections_limited_per_address",
       {connections},
       {"--max-connections-per-address", "1"},
       one_too_many_of_an_address,
       {{closed_idle(), {served()}}, {limited(), {}}, {closed_idle(), {served()}}}},
      {"requests_limited",
       {{"policy.request_limit", "flush", "fin"}},
       {"--max-requests-per-connection", "2"},
       ask_until_the_last,
       {{row("local", "fin", "flush", "policy.request_limit", "normal", "all"),
         {served(), served_last()}}}},
      {"idle_evicted",
       {{"policy.idle_evicted", "idle", "fin"}},
       {"--max-connections", "1"},
       [](Stage& s) { be_evicted(s, false); },
       {{evicted, {served()}}, {closed_idle(), {served()}}}},
      {"idle_evicted_raced",
       {{"timeout.idle_raced", "idle", "timeout"}},
       {"--max-connections", "1"},
       [](Stage& s) { be_evicted(s, true); },
       {{raced, {served()}}, {closed_idle(), {served()}}}},
      descriptors,
      fewer,
      asking,
  };
}

}  // namespace

std::vector<Case> limit_cases() { return joined(shut_out_cases(), early_reply_cases()); }

}  // namespace finack::matrix
