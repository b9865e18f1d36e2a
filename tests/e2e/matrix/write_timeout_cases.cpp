#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

constexpr std::uint64_t kBig = 8000 * kKiB;
constexpr std::uint64_t kFlushed = 256 * kKiB;
constexpr std::uint64_t kNarrow = 64 * kKiB;
constexpr std::uint64_t kMostHead = 512;

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

/// The handler has not answered when its time is over; the connection goes on.
void wait_for_handler(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/slow?ms=6000"));
  const auto start = e2e::SteadyClock::now();
  const Response response = peer.read_response();
  stage.check(response.complete && response.status == 503, "a complete 503 was expected");
  stage.check(e2e::SteadyClock::now() - start < Millis(3000), "the timer did not fire");
  stage.settle();
  peer.close();
}

/// The 503 for a handler that ignores its stop waits behind what the peer does not read; a reset
/// loses both.
void reset_before_late_answer(Stage& stage) {
  Peer& peer = stage.connect_narrow();
  peer.send(get("/big?kb=256"));
  stage.wait_phase("idle");
  peer.send(get_close("/blocking?ms=1500"));
  stage.wait_phase("flush");
  stage.settle();
  peer.reset();
}

/// Reads a response that the server cuts.
std::function<void(Stage&)> read_cut_response(std::string request) {
  return [request](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(request);
    const Response response = peer.read_response();
    stage.check(response.status == 200 && !response.complete, "a cut response was expected");
    peer.close();
  };
}

/// Asks and never reads: the window shuts, and its probes are answered.
std::function<void(Stage&)> never_read(std::string request) {
  return [request](Stage& stage) {
    Peer& peer = stage.connect_narrow();
    peer.send(request);
  };
}

void wait_idle(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  const auto start = e2e::SteadyClock::now();
  see_fin(stage, peer);
  stage.check(e2e::SteadyClock::now() - start >= Millis(590), "closed before idle and its margin");
}

/// A request that was on its way when our FIN left: to the peer it looks like any other.
void request_meets_fin(Stage& stage) {
  Peer& peer = stage.connect();
  ping(stage, peer);
  stage.check(peer.read_to_end() == StreamSight::eof, "the peer expected a FIN");
  peer.send(get("/ping"));
  stage.settle();
  peer.close();
}

}  // namespace

std::vector<Case> write_timeout_cases() {
  const Row raced = row("local", "timeout", "idle", "timeout.idle_raced", "fault", "all");
  const Claim raced_claim{"timeout.idle_raced", "idle", "timeout"};
  return {
      {"timeout_handler",
       {{"timeout.handler", "handling", "timeout"}},
       {"--timeout-handler", "400ms"},
       wait_for_handler,
       {{closed_idle(),
         {row("local", "timeout", "handling", "timeout.handler", "fault", "handed")
              .with("timer", "timeout-handler = 400ms")
              .answered(503)}}}},
      {"timeout_handler_answer_lost",
       {{"client.left_flush", "flush", "rst"}},
       {"--timeout-handler", "400ms"},
       reset_before_late_answer,
       {{row("peer", "rst", "flush", "client.left_flush", "fault", "none")
             .undelivered(64 * kKiB, 257 * kKiB),
         {served(), row("local", "timeout", "handling", "timeout.handler", "fault", "none")
                        .undelivered(1, 600)
                        .with("timer", "timeout-handler = 400ms")
                        .answered(503)}}}},
      {"timeout_handler_stall",
       {{"timeout.handler_stall", "response", "timeout"}},
       {"--timeout-handler-stall", "500ms"},
       read_cut_response(get("/stream?n=3&ms=6000")),
       both(row("local", "timeout", "response", "timeout.handler_stall", "fault", "partial")
                .with("timer", "timeout-handler-stall = 500ms"))},
      {"timeout_response_stall",
       {{"timeout.response_stall", "response", "timeout"}},
       {"--timeout-response-stall", "1200ms"},
       never_read(get("/big?kb=8000")),
       both(row("local", "timeout", "response", "timeout.response_stall", "fault", "partial")
                .undelivered(kBig - 2 * kNarrow, kBig + kMostHead)
                .with("timer", "timeout-response-stall = 1200ms"))},
      {"timeout_response_total",
       {{"timeout.response_total", "response", "timeout"}},
       {"--timeout-response-total", "600ms"},
       read_cut_response(get("/stream?n=100&ms=50")),
       both(row("local", "timeout", "response", "timeout.response_total", "fault", "partial")
                .undelivered(0, kNarrow)
                .with("timer", "timeout-response-total = 600ms"))},
      {"timeout_flush",
       {{"timeout.flush", "flush", "timeout"}},
       {"--timeout-flush", "1200ms"},
       never_read(get_close("/big?kb=256")),
       both(row("local", "timeout", "flush", "timeout.flush", "fault", "partial")
                .undelivered(kFlushed - kNarrow, kFlushed + kMostHead)
                .with("timer", "timeout-flush = 1200ms"))},
      {"timeout_idle",
       {{"timeout.idle", "idle", "timeout"}},
       {"--timeout-idle", "500ms", "--idle-margin", "100ms"},
       wait_idle,
       {{row("local", "timeout", "idle", "timeout.idle", "normal", "all")
             .with("timer", "timeout-idle = 500ms")
             .with("linger", "fin")
             .with("idle_us", "*"),
         {served()}}}},
      {"timeout_idle_raced",
       {raced_claim},
       {"--timeout-idle", "400ms", "--idle-margin", "100ms"},
       request_meets_fin,
       {{raced, {served()}}}},
      {"timeout_idle_raced_by_lifetime",
       {raced_claim},
       {"--timeout-lifetime", "500ms"},
       request_meets_fin,
       {{raced, {served()}}}},
  };
}

}  // namespace finack::matrix
