#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "e2e/matrix/acts.h"
#include "e2e/matrix/injection.h"

namespace finack::matrix {
namespace {

constexpr std::uint64_t kBig = 8000 * kKiB;
constexpr std::uint64_t kRead = 64 * kKiB;
constexpr std::uint64_t kMostHead = 512;

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

Row vanished(std::string_view phase, std::string_view delivered, std::string found_by) {
  return row("network", "timeout", phase, "network.vanished", "fault", delivered)
      .with("found_by", std::move(found_by));
}

Row unreachable(std::string_view phase, std::string_view delivered) {
  return row("network", "unreachable", phase, "network.unreachable", "fault", delivered)
      .with("error", "EHOSTUNREACH");
}

void vanish_idle(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  stage.settle();
  peer.vanish();
}

/// Gone before the answer is written.
std::function<void(Stage&)> ask_and_vanish(std::string request) {
  return [request](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(request);
    stage.settle(Millis(60));
    peer.vanish();
  };
}

void vanish_while_receiving(Stage& stage) {
  Peer& peer = stage.connect_narrow(64 * 1024);
  peer.send(get("/big?kb=8000"));
  peer.read_bytes(kRead);
  peer.vanish();
}

/// The window is shut first, so that only unanswered probes tell.
void vanish_with_shut_window(Stage& stage) {
  Peer& peer = stage.connect_narrow();
  peer.send(get("/big?kb=8000"));
  stage.settle(Millis(500));
  peer.vanish();
}

/// From now on the server's packets are answered by ICMP host unreachable, and never arrive.
void cut_route(Stage& stage, const Peer& peer) {
  const std::string rules = fmt::format(
      "add table ip cut; add chain ip cut in {{ type filter hook input priority 0 ; }}; "
      "add rule ip cut in tcp dport {} reject with icmp type host-unreachable",
      peer.local_port());
  const int status = stage.run({"nft", rules});
  if (status == 127) throw Skipped("no nft command here (package nftables)");
  if (status != 0) throw Skipped("nftables cannot reject packets here");
}

void lose_route_while_receiving(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/stream?n=1000&ms=50"));
  peer.read_bytes(1);
  cut_route(stage, peer);
}

void lose_route_before_answer(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/slow?ms=3000"));  // Longer than nft takes on a busy machine.
  stage.settle(Millis(60));
  cut_route(stage, peer);
}

/// The route is lost first, so that what we send in `phase` is all that can tell.
void lose_route_before_sending(Stage& stage, const std::string& bytes) {
  Peer& peer = stage.connect();
  stage.wait_phase("fresh");
  cut_route(stage, peer);
  peer.send(bytes);
}

/// Our probe of the half-close meets the lost route.
void lose_route_and_half_close(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/slow?ms=15000"));
  stage.wait_phase("handling");
  cut_route(stage, peer);
  peer.finish_sending();
}

void vanish_after(Stage& stage, const std::string& bytes, std::string_view phase) {
  Peer& peer = stage.connect();
  if (!bytes.empty()) peer.send(bytes);
  stage.wait_phase(phase);
  stage.settle();
  peer.vanish();
}

/// The injection is of a system call, and a ring makes none.
constexpr const char* kNotOnRing =
    "an accept of io_uring is no system call: tests/net/io_uring_listener_test.cpp has it";

/// Linux accept() hands out TCP connections that are already reset, so its ECONNABORTED is
/// injected. The connection itself stays in the backlog; the next event of the listener brings it
/// in.
void abort_accept(Stage& stage) {
  if (stage.backend() != "epoll") throw Skipped(kNotOnRing);
  Peer* first = nullptr;
  fail_next_accept(stage.server().pid(), ECONNABORTED, stage.deadline(),
                   [&] { first = &stage.connect(); });
  Peer& second = stage.connect();
  for (Peer* peer : {first, &second}) {
    ping(stage, *peer);
    stage.settle();
    peer->close();
  }
}

/// The kernel has no memory for one more socket: whom it could not hand over is let go by a FIN, as
/// where descriptors are lacking, and the next one is served.
void lack_memory_at_accept(Stage& stage) {
  if (stage.backend() != "epoll") throw Skipped(kNotOnRing);
  Peer* first = nullptr;
  fail_next_accept(stage.server().pid(), ENOBUFS, stage.deadline(),
                   [&] { first = &stage.connect(); });
  see_fin(stage, *first);
  stage.check(first->received() == 0, "who was shut out got bytes");
  Peer& second = stage.connect();
  ping(stage, second);
  stage.settle();
  second.close();
}

Case in_own_network(Case what) {
  what.own_network = true;
  return what;
}

const std::vector<std::string> kUserTimeout = {"--tcp-user-timeout", "1s"};

std::vector<Case> vanished_cases() {
  const auto gone = [](std::string phase) {
    return std::vector<Claim>{{"network.vanished", std::move(phase), "timeout"}};
  };
  const auto mid_response = [](std::string found_by) {
    return vanished("response", "partial", std::move(found_by))
        .undelivered(kBig - kRead - 256 * kKiB, kBig + kMostHead);
  };
  const Row lost_answer = vanished("idle", "none", "user_timeout")
                              .undelivered(1, kMostHead)
                              .with("first_unacknowledged_request", "1");
  return {
      {"vanished_idle",
       gone("idle"),
       {"--tcp-keepalive", "1s"},
       vanish_idle,
       {{vanished("idle", "all", "keep_alive").with("error", "ETIMEDOUT"), {served()}}}},
      // Nothing is owed: our silence and its silence look alike, and our timer is first.
      {"vanished_idle_timer",
       {{"timeout.idle", "idle", "timeout"}},
       {"--timeout-idle", "500ms", "--idle-margin", "100ms", "--linger", "500ms"},
       vanish_idle,
       {{row("local", "timeout", "idle", "timeout.idle", "normal", "all")
             .with("timer", "timeout-idle = 500ms")
             .with("linger", "expired"),
         {served()}}}},
      // As everybody's defaults are; only the idle time is shortened.
      {"vanished_with_small_response_found_idle",
       gone("idle"),
       {"--timeout-idle", "1s"},
       ask_and_vanish(get("/slow?ms=300")),
       {{vanished("idle", "none", "flush")
             .undelivered(1, kMostHead)
             .with("first_unacknowledged_request", "1"),
         {served()}}}},
      {"vanished_handling",
       gone("handling"),
       {"--tcp-keepalive", "1s"},
       ask_and_vanish(get("/slow?ms=15000")),
       both(vanished("handling", "none", "keep_alive"))},
      {"vanished_with_small_response",
       gone("idle"),
       kUserTimeout,
       ask_and_vanish(get("/slow?ms=300")),
       {{lost_answer, {served()}}}},
      {"vanished_with_small_last_response",
       gone("flush"),
       {"--timeout-flush", "1200ms"},
       ask_and_vanish(get_close("/slow?ms=300")),
       both(vanished("flush", "none", "flush").undelivered(1, kMostHead))},
      {"vanished_flush_user_timeout", gone("flush"), kUserTimeout,
       ask_and_vanish(get_close("/slow?ms=300")),
       both(vanished("flush", "none", "user_timeout").undelivered(1, kMostHead))},
      {"vanished_response_stall",
       gone("response"),
       {"--timeout-response-stall", "1500ms"},
       vanish_while_receiving,
       both(mid_response("response_stall"))},
      {"vanished_response_stall_window_shut",
       gone("response"),
       {"--timeout-response-stall", "3s"},
       vanish_with_shut_window,
       both(mid_response("response_stall"))},
      {"vanished_response_user_timeout", gone("response"), kUserTimeout, vanish_while_receiving,
       both(mid_response("user_timeout"))},
  };
}

/// Nothing of ours is on its way: only keep-alive finds out.
std::vector<Case> vanished_early_cases() {
  const auto vanishes = [](const std::string& phase, std::string bytes) {
    const Row expected = vanished(phase, "nothing_owed", "keep_alive").with("error", "ETIMEDOUT");
    Case out{"vanished_" + phase,
             {{"network.vanished", phase, "timeout"}},
             {"--tcp-keepalive", "1s"},
             [bytes, phase](Stage& stage) { vanish_after(stage, bytes, phase); },
             {{expected, {expected}}}};
    if (bytes.empty()) out.expected.front().requests.clear();
    return out;
  };
  return {
      vanishes("fresh", ""),
      vanishes("head", "GET /ping HTTP/1.1\r\nHo"),
      vanishes("body", post("/echo", 100, "0123")),
  };
}

std::vector<Case> unreachable_cases() {
  const auto lost = [](const std::string& phase, std::string_view delivered) {
    return unreachable(phase, delivered).undelivered(1, kMostHead);
  };
  const auto make = [](const std::string& phase, std::function<void(Stage&)> act,
                       std::vector<Expected> expected) {
    return in_own_network({"unreachable_" + phase,
                           {{"network.unreachable", phase, "unreachable"}},
                           kUserTimeout,
                           std::move(act),
                           std::move(expected)});
  };
  const auto before = [](std::string bytes) {
    return [bytes](Stage& stage) { lose_route_before_sending(stage, bytes); };
  };
  const std::string expecting =
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n";
  return {
      // The answer to the first request is what meets the lost route.
      make("head", before(get("/ping") + "GET /pi"),
           {{lost("head", "none").with("first_unacknowledged_request", "1"),
             {served(), unreachable("head", "nothing_owed")}}}),
      // Our 100 Continue does.
      make("body", before(expecting),
           {{lost("body", "none"), {lost("body", "nothing_owed").answered(0)}}}),
      make("handling", lose_route_and_half_close,
           {{lost("handling", "none"), {lost("handling", "none").answered(0)}}}),
      make("flush", before(get_close("/slow?ms=300")),
           {{lost("flush", "none"), {lost("flush", "none")}}}),
  };
}

std::vector<Case> other_cases() {
  Row lost_route_answer = unreachable("idle", "none");
  lost_route_answer.undelivered_min = 1;
  lost_route_answer.undelivered_max = kMostHead;
  Case aborted{"accept_aborted",
               {{"client.accept_aborted", "accept", "rst"}},
               {},
               abort_accept,
               {{closed_idle(), {served()}}, {closed_idle(), {served()}}}};
  aborted.peerless = {
      row("peer", "rst", "accept", "client.accept_aborted", "normal", "nothing_owed")
          .with("error", "ECONNABORTED")};
  const Row no_memory = row("local", "fin", "accept", "resource.memory", "fault", "nothing_owed")
                            .with("resource", "memory")
                            .with("error", "ENOBUFS");
  return {
      std::move(aborted),
      {"accept_without_memory",
       {{"resource.memory", "accept", "fin"}},
       {},
       lack_memory_at_accept,
       {{no_memory, {}}, {closed_idle(), {served()}}}},
      in_own_network({"unreachable_response",
                      {{"network.unreachable", "response", "unreachable"}},
                      kUserTimeout,
                      lose_route_while_receiving,
                      both(unreachable("response", "partial").undelivered(1, 64 * kKiB))}),
      in_own_network({"unreachable_idle",
                      {{"network.unreachable", "idle", "unreachable"}},
                      kUserTimeout,
                      lose_route_before_answer,
                      {{lost_route_answer, {served()}}}}),
  };
}

}  // namespace

std::vector<Case> network_cases() {
  return joined(joined(vanished_cases(), vanished_early_cases()),
                joined(unreachable_cases(), other_cases()));
}

}  // namespace finack::matrix
