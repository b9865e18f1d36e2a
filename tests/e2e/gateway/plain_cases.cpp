#include <fmt/format.h>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

using e2e::closed_idle;
using e2e::served;

constexpr std::string_view kClosing =
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// Requests that all come through; whatever becomes of the connections behind.
Case all_served(std::string name, File file, std::function<void(Stage&)> act,
                std::vector<Try> tries, std::vector<Row> dialed) {
  Case out{std::move(name), std::move(file), std::move(act), {{closed_idle(), {}}}, {}};
  for (Try& one : tries) out.fronts[0].requests.push_back({served(), {std::move(one)}});
  out.dialed = std::move(dialed);
  return out;
}

/// The upstream answers and leaves when the connection is back in the pool.
std::function<void(Stage&)> answer(std::string response, Leave way) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    Peer& upstream = stage.take_request();
    upstream.send(response);
    stage.check(stage.see(client, 200) == "ok", "another body came through");
    stage.settle();
    leave(upstream, way);
    stage.part(client);
  };
}

/// The same in one segment train, with our FIN behind the response.
void answer_and_finish(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  stage.freeze();
  upstream.send(kOk);
  upstream.finish_sending();
  stage.thaw();
  stage.see(client, 200);
  stage.part(client);
}

void use_one_connection_twice(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send(kOk);
  stage.see(client, 200);
  client.send(post(5, "hello"));
  upstream.read_head();
  stage.check(upstream.read_text(5) == "hello", "another body came through");
  upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  stage.check(stage.see(client, 200) == "ok", "another body came back");
  stage.part(client);
}

/// The client learns of 103; the 100 was for us.
void inform(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send("HTTP/1.1 100 Continue\r\n\r\n");
  upstream.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  stage.wait_dialed("wait");
  upstream.send(kOk);
  const Response response = client.read_response();
  stage.check_answer(response, 200);
  stage.check(response.interims == 1, "the client was to see one interim response");
  stage.part(client);
}

enum class Parting { fin, rst, late };

/// Each response says that its connection closes.
std::function<void(Stage&)> close_every_time(Parting way) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    for (int i = 0; i < 3; ++i) {
      client.send(get());
      Peer& upstream = stage.take_request();
      upstream.send(kClosing);
      stage.see(client, 200);
      if (way == Parting::late) continue;
      stage.settle();
      way == Parting::fin ? upstream.finish_sending() : upstream.reset();
    }
    stage.part(client);
  };
}

std::vector<Case> parting_cases() {
  const auto make = [](std::string name, Parting way, std::string_view by, std::string_view how) {
    const Row parted = row(by, how, "body", "ok.completed", "normal", "all");
    return all_served(std::move(name), {}, close_every_time(way),
                      {{tried(), 1}, {tried(), 2}, {tried(), 3}}, {parted, parted, parted});
  };
  return {make("closes_every_time", Parting::fin, "peer", "fin"),
          make("closes_every_time_by_rst", Parting::rst, "peer", "rst"),
          // The server gets a second to close first.
          make("closes_every_time_and_stays", Parting::late, "local", "fin")};
}

/// Bytes that nobody asked for.
void send_more(Stage& stage, bool at_once) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  if (at_once) {
    upstream.send(std::string(kOk) + "HTTP/1.1 200 OK\r\n");
  } else {
    upstream.send(kOk);
    stage.wait_dialed("pool");
    upstream.send("HTTP/1.1 408 Request Timeout\r\n\r\n");
  }
  stage.check(stage.see(client, 200) == "ok", "another body came through");
  stage.check(upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
  stage.part(client);
}

std::vector<Case> extra_cases() {
  const auto make = [](const std::string& phase, bool at_once) {
    return all_served("extra_data_in_" + phase, {},
                      [=](Stage& stage) { send_more(stage, at_once); }, {{tried(), 1}},
                      {row("local", "rst", phase, "upstream.extra_data", "fault", "all")});
  };
  return {make("body", true), make("pool", false)};
}

/// Only the FIN ends the body.
void end_body_by_fin(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send("HTTP/1.0 200 OK\r\n\r\nok");
  stage.wait_dialed("body");
  upstream.finish_sending();
  stage.check(stage.see(client, 200) == "ok", "another body came through");
  stage.part(client);
}

}  // namespace

std::vector<Case> plain_cases() {
  const Row unproved =
      row("peer", "fin", "body", "upstream.body_end_unproved", "notice", "all").answered(200);
  const std::string ok(kOk);
  const File one_each{.cluster = "pool: { requests_per_connection: 1 }"};
  std::vector<Case> out = {
      all_served("served", {}, answer(ok, Leave::fin), {{tried(), 1}}, {pool_closed()}),
      all_served("served_then_reset", {}, answer(ok, Leave::rst), {{tried(), 1}},
                 {pool_closed("rst")}),
      all_served("served_and_finished", {}, answer_and_finish, {{tried(), 1}}, {pool_closed()}),
      all_served("served_twice_on_one", {}, use_one_connection_twice,
                 {{tried(), 1}, {tried(), 1, true}}, {pool_shut()}),
      all_served("informed", {}, inform, {{tried(), 1}}, {pool_shut()}),
      all_served("retired_after_one_request", one_each, answer(ok, Leave::fin), {{tried(), 1}},
                 {row("local", "fin", "pool", "ok.pool_retired", "normal", "all")}),
      all_served("body_ended_by_fin", {}, end_body_by_fin, {{unproved, 1}}, {unproved}),
  };
  return joined(joined(std::move(out), parting_cases()), extra_cases());
}

}  // namespace finack::gateway_matrix
