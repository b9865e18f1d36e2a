#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

Row timed_out(std::string_view phase, std::string_view cause, std::string setting) {
  return row("local", "timeout", phase, cause, "fault", "all").with("timer", std::move(setting));
}

/// The upstream takes the request, sends `part`, and no more.
std::function<void(Stage&)> stall(std::string part, std::string cause) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    Peer& upstream = stage.take_request();
    upstream.send(part);
    stage.see_failure(client, 504, cause);
    stage.check(upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
    stage.part(client);
  };
}

void stall_in_body(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
  stage.see_cut(client, 200);
  stage.check(upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
  client.close();
}

/// The client begins a head and says no more.
void stall_in_request_head(Stage& stage) {
  Peer& client = stage.connect();
  client.send("GET / HTTP/1.1\r\nHo");
  stage.see(client, 408);
  client.close();
}

/// Longer in all than the timer, but never between two signs of life.
void be_slow_but_alive(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  for (int i = 0; i < 3; ++i) {
    stage.settle(Millis(300));
    upstream.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  }
  stage.settle(Millis(300));
  upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  for (const char* byte : {"1", "2", "3", "4"}) {
    stage.settle(Millis(300));
    upstream.send(byte);
  }
  stage.check(stage.see(client, 200) == "1234", "another body came through");
  stage.part(client);
}

}  // namespace

std::vector<Case> timeout_cases() {
  const std::string idle = "timeouts: { response_idle: 500ms }";
  const std::string first = "timeouts: { first_response_byte: 500ms }";
  const Row stalled =
      timed_out("body", "timeout.response_idle", "clusters.api.timeouts.response_idle = 500ms")
          .answered(200);
  const Row late_head = row("local", "timeout", "head", "timeout.head", "notice", "all")
                            .with("timer", "listeners[0].timeouts.head = 400ms");
  return {
      failing("never_answers", {.cluster = first}, stall("", "timeout.first_response_byte"),
              timed_out("wait", "timeout.first_response_byte",
                        "clusters.api.timeouts.first_response_byte = 500ms"),
              answered("timeout.first_response_byte", 504)),
      failing(
          "stalls_in_head", {.cluster = idle},
          stall("HTTP/1.1 200 OK\r\nCont", "timeout.response_idle"),
          timed_out("head", "timeout.response_idle", "clusters.api.timeouts.response_idle = 500ms"),
          answered("timeout.response_idle", 504)),
      failing("never_answers_a_route",
              {.cluster = "timeouts: { first_response_byte: 20s }", .route = first},
              stall("", "timeout.first_response_byte"),
              timed_out("wait", "timeout.first_response_byte",
                        "routes[0].timeouts.first_response_byte = 500ms"),
              answered("timeout.first_response_byte", 504)),
      {"client_stalls_in_head",
       {.listener = "timeouts: { head: 400ms }"},
       stall_in_request_head,
       {{late_head, {{Row(late_head).answered(408), {}}}}}},
      {"stalls_in_body",
       {.cluster = idle},
       stall_in_body,
       {{other_leg("fin", "response", "fault", "partial"),
         {{row("local", "timeout", "response", "timeout.response_idle", "fault", "partial")
               .answered(200),
           {{stalled}}}}}},
       {stalled}},
      {"slow_but_alive",
       {.cluster = "timeouts: { first_response_byte: 600ms, response_idle: 600ms }"},
       be_slow_but_alive,
       {{e2e::closed_idle(), {{e2e::served(), {{tried()}}}}}},
       {pool_shut()}},
  };
}

}  // namespace finack::gateway_matrix
