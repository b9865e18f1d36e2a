#include <fmt/format.h>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

using Part = std::function<void(Stage&, Peer& upstream)>;

/// The upstream plays its part behind a request, and leaves before a final head is whole.
std::function<void(Stage&)> fail(Part part, Leave way, std::string cause) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    Peer& upstream = stage.upstream().accept();
    part(stage, upstream);
    way == Leave::fin ? upstream.finish_sending() : upstream.reset();
    stage.see_failure(client, 502, cause);
    stage.part(client);
  };
}

void read_it(Stage&, Peer& upstream) { upstream.read_head(); }
void let_it_lie(Stage& stage, Peer&) { stage.wait_dialed("wait"); }

void send_interims(Stage& stage, Peer& upstream) {
  upstream.read_head();
  upstream.send(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 103 Early Hints\r\nLink: </b");
  stage.settle();
}

void send_half_head(Stage& stage, Peer& upstream) {
  upstream.read_head();
  upstream.send("HTTP/1.1 200 OK\r\nContent-Le");
  stage.wait_dialed("head");
}

std::vector<Case> headless_cases(Leave way) {
  const auto make = [way](std::string_view name, Part part, std::string_view phase,
                          const std::string& cause) {
    return failing(fmt::format("{}_{}", name, word(way)), {}, fail(std::move(part), way, cause),
                   row("peer", word(way), phase, cause, "fault", "all"), answered(cause, 502));
  };
  return {
      make("closed_no_head", read_it, "wait", "upstream.closed_no_head"),
      make("accepted_then", let_it_lie, "wait", "upstream.closed_no_head"),
      make("interims_then", send_interims, "wait", "upstream.closed_no_head"),
      make("head_truncated", send_half_head, "head", "upstream.head_truncated"),
  };
}

/// A response that has begun towards the client is cut when its upstream leaves.
std::function<void(Stage&)> cut_body(std::string response, Leave way, bool http10) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(http10 ? "GET /x HTTP/1.0\r\n\r\n" : get());
    Peer& upstream = stage.take_request();
    upstream.send(response);
    stage.wait_phase("response");
    stage.settle();
    way == Leave::fin ? upstream.finish_sending() : upstream.reset();
    stage.see_cut(client, 200);
    const StreamSight sight = client.read_to_end();
    stage.check(sight == (http10 ? StreamSight::reset : StreamSight::eof),
                "the client was to see the other end of its stream");
    client.close();
  };
}

Case body_case(std::string name, std::string response, Leave way, bool http10 = false) {
  const Row cut =
      row("peer", word(way), "body", "upstream.body_truncated", "fault", "all").answered(200);
  const std::string_view how = http10 ? "rst" : "fin";
  const Row request = row("local", how, "response", "upstream.body_truncated", "fault", "partial");
  return {
      std::move(name),
      {},
      cut_body(std::move(response), way, http10),
      {{other_leg(how, "response", "fault", "partial"), {{Row(request).answered(200), {{cut}}}}}},
      {cut}};
}

}  // namespace

std::vector<Case> cut_cases() {
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n";
  std::vector<Case> out;
  for (const Leave way : {Leave::fin, Leave::rst}) {
    out = joined(std::move(out), headless_cases(way));
    out.push_back(body_case(fmt::format("body_truncated_length_{}", word(way)), length, way));
    out.push_back(body_case(fmt::format("body_truncated_chunked_{}", word(way)), chunked, way));
  }
  // Only a reset can show it to a client that knows no chunks.
  out.push_back(body_case("body_truncated_to_http10", chunked, Leave::fin, true));
  return out;
}

}  // namespace finack::gateway_matrix
