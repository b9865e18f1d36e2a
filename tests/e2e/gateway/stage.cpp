#include "e2e/gateway/stage.h"

#include <fmt/format.h>
#include <signal.h>

#include <fstream>

#include "e2e/support/metrics_page.h"

namespace finack::gateway_matrix {

Peer& Stage::take_request(std::size_t index) {
  Peer& peer = upstream(index).accept();
  peer.read_head();
  return peer;
}

void Stage::wait_said(std::string_view text) {
  const auto said = [&] { return server().standard_error().find(text) != std::string::npos; };
  check(e2e::eventually(deadline(), said), fmt::format("it never said: {}", text));
}

TlsEnd Stage::accept_tls(const TlsSetup& setup) {
  TlsEnd end(upstream().accept(), setup, deadline());
  check(end.accept(), "the gateway refused the TLS handshake");
  return end;
}

TlsEnd Stage::take_tls_request(const TlsSetup& setup) {
  TlsEnd end = accept_tls(setup);
  end.read_head();
  return end;
}

std::string Stage::see(Peer& client, int status) {
  Response response = client.read_response();
  check_answer(response, status);
  return std::move(response.body);
}

void Stage::see_failure(Peer& client, int status, std::string_view cause) {
  const Response response = client.read_response();
  check_answer(response, status);
  const std::string_view told = response.header("proxy-status");
  check(told.find(cause) != std::string_view::npos,
        fmt::format("Proxy-Status was to name {}, but is: {}", cause, told));
}

void Stage::see_cut(Peer& client, int status) {
  const Response response = client.read_response();
  if (!response.complete && response.status == status) return;
  throw Failure(fmt::format("the client expected a cut {} and got {} {}", status,
                            response.complete ? "a complete" : "a cut", response.status));
}

void Stage::wait_dialed(std::string_view phase, int count) {
  const bool reached = e2e::eventually(deadline().within(Millis(5000)), [&] {
    const e2e::MetricsPage page(e2e::fetch_metrics(server().admin_port(), deadline()));
    return page.sum("finack_connections_in_phase",
                    fmt::format("role=\"client\",phase=\"{}\"", phase)) >= count;
  });
  check(reached,
        fmt::format("the gateway never counted {} dialed connection(s) in {}", count, phase));
}

void Stage::wait_dialed_ended(int count) {
  const bool reached = e2e::eventually(deadline().within(Millis(10'000)), [&] {
    const e2e::MetricsPage page(e2e::fetch_metrics(server().admin_port(), deadline()));
    return page.sum("finack_connections_ended_total", "role=\"client\"") >= count;
  });
  check(reached, fmt::format("{} dialed connection(s) never ended", count));
}

void Stage::reload(std::string_view from, std::string_view to) {
  std::string text = e2e::read_text_file(file_);
  const std::size_t place = text.find(from);
  check(place != std::string::npos, "the file has no such text");
  text.replace(place, from.size(), to);
  std::ofstream(file_) << text;
  signal(SIGHUP);
}

void Stage::part(Peer& client) {
  settle();
  client.close();
}

std::string get(std::string_view headers) {
  return fmt::format("GET /x HTTP/1.1\r\nHost: localhost\r\n{}\r\n", headers);
}

std::string post(std::uint64_t length, std::string_view body, std::string_view method) {
  return fmt::format("{} /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", method,
                     length, body);
}

std::string_view word(Leave way) { return way == Leave::fin ? "fin" : "rst"; }

void leave(Peer& peer, Leave way) { way == Leave::fin ? peer.close() : peer.reset(); }

}  // namespace finack::gateway_matrix
