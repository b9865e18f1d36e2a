#include <fmt/format.h>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

/// An alert in the clear: handshake_failure.
constexpr std::string_view kAlert("\x15\x03\x03\x00\x02\x02\x28", 7);

/// The upstream plays its part in the handshake; the request fails.
Case handshake_case(std::string name, const Row& failed, int status, File file,
                    std::function<void(Stage&, Peer& upstream)> part) {
  const std::string cause = failed.cause;
  file.tls = true;
  const auto act = [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    part(stage, stage.upstream().accept());
    stage.see_failure(client, status, cause);
    stage.part(client);
  };
  Row request = answered(cause, status);
  request.severity = failed.severity;
  return failing(std::move(name), std::move(file), act, failed, request);
}

Row in_handshake(std::string_view by, std::string_view how, std::string_view cause) {
  return row(by, how, "tls", cause, "fault", "nothing_owed");
}

/// A certificate that does not verify: our alert.
Case untrusted(std::string name, std::string certificate, const std::string& reason,
               std::string for_name = "localhost") {
  return handshake_case(std::move(name),
                        in_handshake("local", "alert", "upstream.tls_untrusted")
                            .undelivered(0, kAlert.size())
                            .with("reason", reason),
                        502, {.tls_name = std::move(for_name)},
                        [certificate](Stage& stage, Peer& upstream) {
                          TlsEnd end(upstream, {.certificate = certificate}, stage.deadline());
                          stage.check(!end.accept(), "the certificate was taken");
                        });
}

/// A handshake that something else than TLS is said in.
std::vector<Case> broken_handshakes() {
  const std::string closed = "upstream.tls_closed";
  const auto say = [](std::string_view bytes) {
    return [bytes](Stage&, Peer& upstream) { upstream.send(bytes); };
  };
  Row late = in_handshake("local", "timeout", "timeout.tls");
  late.severity = "notice";
  Case timeout =
      handshake_case("tls_timeout", Row(late).with("timer", "clusters.api.timeouts.tls = 400ms"),
                     504, {.cluster = "timeouts: { tls: 400ms }"}, [](Stage&, Peer&) {});
  return {
      handshake_case("tls_closed_fin", in_handshake("peer", "fin", closed), 502, {},
                     [](Stage& stage, Peer& upstream) {
                       stage.settle();
                       upstream.finish_sending();
                     }),
      handshake_case("tls_closed_rst", in_handshake("peer", "rst", closed), 502, {},
                     [](Stage& stage, Peer& upstream) {
                       stage.settle();
                       upstream.reset();
                     }),
      handshake_case(
          "tls_alert",
          in_handshake("peer", "alert", "upstream.tls_alert").with("reason", "handshake_failure"),
          502, {}, say(kAlert)),
      handshake_case("tls_plaintext",
                     in_handshake("local", "rst", closed).with("reason", "not_tls"), 502, {},
                     say("HTTP/1.1 400 Bad Request\r\n\r\n")),
      std::move(timeout),
  };
}

/// TLS 1.3: a server that wants our certificate says so when our request is on its way.
Case certificate_wanted() {
  return handshake_case("tls_certificate_wanted",
                        // The alert may cross the request.
                        row("peer", "alert", "wait", "upstream.tls_alert", "fault", "all|none")
                            .undelivered(0, kKiB)
                            .with("reason", "certificate_required"),
                        502, {}, [](Stage& stage, Peer& upstream) {
                          TlsEnd end(upstream, {.demand_certificate = true}, stage.deadline());
                          stage.check(!end.accept(), "no certificate was wanted");
                        });
}

enum class Exit { alert, cut };

void go(TlsEnd& end, Exit way) { way == Exit::alert ? end.alert() : end.cut(); }
std::string_view word(Exit way) { return way == Exit::alert ? "alert" : "truncated"; }

/// The request is answered in part, and then no more follows.
Case cut_case(Exit way, const std::string& phase, const std::string& part,
              const std::string& cause) {
  const bool begun = phase == "body";
  const Row failed = row("peer", word(way), phase, cause, "fault", "all").answered(begun ? 200 : 0);
  const auto act = [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    TlsEnd end = stage.take_tls_request();
    if (!part.empty()) end.send(part);
    stage.wait_dialed(phase);
    if (begun) stage.wait_phase("response");
    go(end, way);
    begun ? stage.see_cut(client, 200) : stage.see_failure(client, 502, cause);
    begun ? client.close() : stage.part(client);
  };
  Case out = failing(fmt::format("tls_{}_in_{}", word(way), phase), {.tls = true}, act, failed,
                     answered(cause, 502));
  if (begun) {
    out.fronts[0].connection = other_leg("fin", "response", "fault", "partial");
    out.fronts[0].requests[0].record =
        row("local", "fin", "response", cause, "fault", "partial").answered(200);
  }
  return out;
}

/// One response that comes whole, and what becomes of the connection.
Case served_case(std::string name, std::string response, std::string phase,
                 std::function<void(TlsEnd&)> exit, const Row& dialed, const Row& attempt) {
  const auto act = [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    TlsEnd end = stage.take_tls_request();
    end.send(response);
    stage.wait_dialed(phase);
    exit(end);
    stage.check(stage.see(client, 200) == "ok", "another body came through");
    stage.part(client);
  };
  return {std::move(name),
          {.tls = true},
          act,
          {{e2e::closed_idle(), {{e2e::served(), {{attempt}}}}}},
          {dialed}};
}

std::vector<Case> served_cases() {
  const std::string closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
  const auto close = [](TlsEnd& end) { end.close(); };
  const auto parted = [](std::string_view how) {
    return row("peer", how, "body", "ok.completed", "normal", "all");
  };
  std::vector<Case> out = {
      served_case("tls_served", std::string(kOk), "pool", close, pool_closed(), tried()),
      served_case("tls_parted_fin", closing, "body", close, parted("fin"), tried()),
  };
  for (const Exit way : {Exit::alert, Exit::cut}) {
    const auto exit = [way](TlsEnd& end) { go(end, way); };
    out.push_back(served_case(fmt::format("tls_{}_in_pool", word(way)), std::string(kOk), "pool",
                              exit, pool_closed(word(way)), tried()));
    out.push_back(served_case(fmt::format("tls_parted_{}", word(way)), closing, "body", exit,
                              parted(word(way)), tried()));
  }
  return out;
}

/// A kept connection whose server leaves without close_notify when the next request comes.
Case stale_case() {
  const Row met =
      row("peer", "truncated", "wait", "upstream.stale_reuse", "notice", "all").answered(0);
  const auto act = [](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    TlsEnd kept = stage.take_tls_request();
    kept.send(kOk);
    stage.see(client, 200);
    client.send(get());
    kept.read_head();
    kept.cut();
    TlsEnd fresh = stage.take_tls_request();
    fresh.send(kOk);
    stage.see(client, 200);
    fresh.close();
    stage.part(client);
  };
  return {"tls_stale_get",
          {.tls = true},
          act,
          {{e2e::closed_idle(),
            {{e2e::served(), {{tried()}}}, {e2e::served(), {{met, 1, true}, {tried(), 2}}}}}},
          {met, pool_closed()}};
}

}  // namespace

std::vector<Case> tls_cases() {
  std::vector<Case> out = joined(broken_handshakes(), served_cases());
  out.push_back(untrusted("tls_stranger", "stranger", "unable to get local issuer certificate"));
  out.push_back(untrusted("tls_expired", "expired", "certificate has expired"));
  out.push_back(untrusted("tls_wrong_name", "client", "hostname mismatch"));
  out.push_back(certificate_wanted());
  out.push_back(stale_case());
  // An end that anybody may have made is none: what has begun is cut.
  out.push_back(
      cut_case(Exit::cut, "body", "HTTP/1.0 200 OK\r\n\r\nok", "upstream.body_end_unproved"));
  out.back().name = "tls_body_ended_unproved";
  const std::string head = "HTTP/1.1 200 OK\r\nCont";
  const std::string body = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
  for (const Exit way : {Exit::alert, Exit::cut}) {
    const bool alert = way == Exit::alert;
    out.push_back(
        cut_case(way, "wait", "", alert ? "upstream.tls_alert" : "upstream.closed_no_head"));
    out.push_back(cut_case(way, "head", head, "upstream.head_truncated"));
    out.push_back(cut_case(way, "body", body, "upstream.body_truncated"));
  }
  return out;
}

}  // namespace finack::gateway_matrix
