#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

std::vector<Expected> both(const Row& r) { return {{r, {r}}}; }

/// Our timer answers 408 where part of a request had come, and closes.
Row timed_out(std::string_view phase, std::string_view cause, std::string_view severity,
              std::string timer) {
  return row("local", "timeout", phase, cause, severity, "all")
      .with("timer", std::move(timer))
      .answered(408);
}

void say_nothing(Stage& stage) {
  Peer& peer = stage.connect();
  const auto start = e2e::SteadyClock::now();
  see_fin(stage, peer);
  stage.check(e2e::SteadyClock::now() - start >= Millis(290), "the timer fired too early");
  stage.check(peer.received() == 0, "bytes came before any request");
}

/// Sends part of a request and no more.
std::function<void(Stage&)> stop_after(std::string bytes) {
  return [bytes](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(bytes);
    stage.check_answer(peer.read_response(), 408);
    see_fin(stage, peer);
  };
}

/// Sends part of a request and goes on byte by byte, never stopping long.
std::function<void(Stage&)> dribble_after(std::string bytes, Millis every, Millis limit) {
  return [=](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(bytes);
    dribble(stage, peer, every, limit);
    peer.close();
  };
}

}  // namespace

std::vector<Case> read_timeout_cases() {
  const Row head = timed_out("head", "timeout.head", "notice", "timeout-head = 400ms");
  const Row idle = timed_out("body", "timeout.body_idle", "fault", "timeout-body-idle = 400ms");
  const Row total = timed_out("body", "timeout.body_total", "fault", "timeout-body-total = 600ms");
  const Row slow_head = row("local", "timeout", "head", "timeout.min_rate", "notice", "all")
                            .with("setting", "min-rate = 100");
  Row slow_body = slow_head;
  slow_body.phase = "body";
  const Millis often(50);
  const Millis soon(3000);
  return {
      {"timeout_first_byte",
       {{"timeout.first_byte", "fresh", "timeout"}},
       {"--timeout-first-byte", "300ms"},
       say_nothing,
       {{row("local", "timeout", "fresh", "timeout.first_byte", "normal", "nothing_owed")
             .with("timer", "timeout-first-byte = 300ms"),
         {}}}},
      {"timeout_head",
       {{"timeout.head", "head", "timeout"}},
       {"--timeout-head", "400ms"},
       stop_after("GET /ping HTTP/1.1\r\nHo"),
       both(head)},
      {"timeout_head_after_empty_line",
       {{"timeout.head", "head", "timeout"}},
       {"--timeout-head", "400ms"},
       stop_after("\r\n"),
       both(head)},
      {"timeout_head_slowloris",
       {{"timeout.head", "head", "timeout"}},
       {"--timeout-head", "400ms"},
       dribble_after("GET /ping HTTP/1.1\r\nX: ", often, soon),
       both(head)},
      {"timeout_min_rate_head",
       {{"timeout.min_rate", "head", "timeout"}},
       {"--min-rate", "100", "--timeout-head", "15s"},
       dribble_after("GET /ping HTTP/1.1\r\nX: ", Millis(200), Millis(9000)),
       both(slow_head)},
      {"timeout_min_rate_body",
       {{"timeout.min_rate", "body", "timeout"}},
       {"--min-rate", "100", "--timeout-body-idle", "15s"},
       dribble_after(post("/echo", 100000, "x"), Millis(200), Millis(9000)),
       both(slow_body)},
      {"timeout_body_idle",
       {{"timeout.body_idle", "body", "timeout"}},
       {"--timeout-body-idle", "400ms"},
       stop_after(post("/echo", 100, "0123456789")),
       both(idle)},
      {"timeout_body_idle_no_byte",
       {{"timeout.body_idle", "body", "timeout"}},
       {"--timeout-body-idle", "400ms"},
       stop_after(post("/echo", 100, "")),
       both(idle)},
      {"timeout_body_idle_chunked",
       {{"timeout.body_idle", "body", "timeout"}},
       {"--timeout-body-idle", "400ms"},
       stop_after(post_chunked("/echo", "5\r\nhello\r\n")),
       both(idle)},
      {"timeout_body_total",
       {{"timeout.body_total", "body", "timeout"}},
       {"--timeout-body-total", "600ms", "--timeout-body-idle", "300ms"},
       dribble_after(post("/echo", 1000, "x"), often, soon),
       both(total)},
  };
}

}  // namespace finack::matrix
