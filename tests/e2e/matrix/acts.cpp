#include "e2e/matrix/acts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace finack::matrix {

std::string get(std::string_view target, std::string_view headers) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, headers);
}

std::string get_close(std::string_view target) { return get(target, "Connection: close\r\n"); }

std::string post(std::string_view target, std::uint64_t length, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", target,
                     length, body);
}

std::string post_chunked(std::string_view target, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                     target, body);
}

void ping(Stage& stage, Peer& peer) {
  peer.send(get("/ping"));
  stage.check_answer(peer.read_response(), 200);
}

void see_fin(Stage& stage, Peer& peer, Millis limit) {
  const StreamSight sight = peer.read_to_end(limit);
  stage.check(sight != StreamSight::reset, "the peer expected a FIN and was reset");
  stage.check(sight == StreamSight::eof, "the peer expected a FIN and none came");
  peer.close();
}

void dribble(Stage& stage, Peer& peer, Millis every, Millis limit) {
  const Deadline deadline = stage.deadline().within(limit);
  while (!deadline.passed()) {
    if (!peer.try_send("x")) return;
    if (peer.read_to_end(every) != StreamSight::nothing) return;
  }
  throw Failure("the server let the peer dribble on");
}

void leave(Peer& peer, Leave way) { way == Leave::fin ? peer.close() : peer.reset(); }

std::function<void(Stage&)> send_and_leave(std::string bytes, Leave way) {
  return [bytes = std::move(bytes), way](Stage& stage) {
    Peer& peer = stage.connect();
    if (!bytes.empty()) peer.send(bytes);
    stage.settle();
    leave(peer, way);
  };
}

std::string_view word(Leave way) { return way == Leave::fin ? "fin" : "rst"; }

std::vector<Case> joined(std::vector<Case> first, std::vector<Case> second) {
  std::move(second.begin(), second.end(), std::back_inserter(first));
  return first;
}

}  // namespace finack::matrix
