// Requests that become tunnels, and how either leg ends.
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <charconv>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

constexpr std::string_view kAsk = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
constexpr std::string_view kSwitched =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// The tunnel's two ends, with a word through it each way.
struct Ends {
  Peer& client;
  Peer& upstream;
};

void check_switch(Stage& stage, Peer& client) {
  const std::string head = client.read_head();
  stage.check(head.starts_with("HTTP/1.1 101 "), "the client was to see 101");
  stage.check(head.find("\r\nUpgrade: websocket\r\n") != head.npos, "no protocol in the 101");
}

/// What it has read is acknowledged at once, and not with its next bytes.
void acknowledge(const Peer& peer) {
  const int on = 1;
  ::setsockopt(peer.fd(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

Ends open(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get(kAsk));
  Peer& upstream = stage.take_request();
  upstream.send(std::string(kSwitched) + "hello");
  check_switch(stage, client);
  stage.check(client.read_text(5) == "hello", "other bytes came back");
  client.send("world");
  stage.check(upstream.read_text(5) == "world", "other bytes came through");
  acknowledge(upstream);
  stage.wait_phase("tunnel");
  stage.wait_dialed("tunnel");
  return {client, upstream};
}

Row in_tunnel(std::string_view by, std::string_view how, std::string_view cause,
              std::string_view severity) {
  return row(by, how, "tunnel", cause, severity, "all").answered(101);
}

Row plain(Row of) {
  of.status = -1;
  return of;
}

/// One tunnel: what its client's connection, its request, its try and its dialed connection record.
Case tunnel_case(std::string name, std::function<void(Stage&, const Ends&)> act,
                 const Row& connection, const Row& request, const Row& attempt, const Row& dialed) {
  Case out;
  out.name = "tunnel_" + std::move(name);
  out.act = [act = std::move(act)](Stage& stage) { act(stage, open(stage)); };
  out.fronts = {{plain(connection), {{request, {{attempt}}}}}};
  out.dialed = {plain(dialed)};
  return out;
}

/// Each side says its last word behind the other's FIN.
Case done_case(bool client_first) {
  const auto act = [client_first](Stage& stage, const Ends& ends) {
    Peer& first = client_first ? ends.client : ends.upstream;
    Peer& second = client_first ? ends.upstream : ends.client;
    first.send("last");
    first.finish_sending();
    stage.check(second.read_text(4) == "last", "the last bytes did not come");
    stage.check(second.read_to_end() == StreamSight::eof, "the FIN did not come");
    second.send("indeed");
    stage.check(first.read_text(6) == "indeed", "a half-closed side gets no bytes");
    second.finish_sending();
    stage.check(first.read_to_end() == StreamSight::eof, "the other FIN did not come");
  };
  const Row front = in_tunnel(client_first ? "peer" : "local", "fin", "ok.tunnel_done", "normal");
  const Row back = in_tunnel(client_first ? "local" : "peer", "fin", "ok.tunnel_done", "normal");
  return tunnel_case(client_first ? "client_finishes_first" : "upstream_finishes_first", act, front,
                     front, back, back);
}

void check_ends(Stage& stage, const Ends& ends) {
  stage.check(ends.client.read_to_end() != StreamSight::nothing, "the client's leg goes on");
  stage.check(ends.upstream.read_to_end() != StreamSight::nothing, "the upstream's leg goes on");
  ends.client.close();
}

Case silent_case() {
  const Row idle = in_tunnel("local", "timeout", "timeout.tunnel_idle", "notice");
  Row dialed = idle;
  Case out =
      tunnel_case("is_silent", check_ends, idle, idle, idle,
                  std::move(dialed).with("timer", "clusters.api.timeouts.tunnel_idle = 700ms"));
  out.file.cluster = "timeouts: { tunnel_idle: 700ms }";
  return out;
}

Case upstream_resets() {
  const auto act = [](Stage& stage, const Ends& ends) {
    ends.upstream.reset();
    stage.check(ends.client.read_to_end() == StreamSight::reset, "the client was to be reset");
  };
  const Row left = in_tunnel("peer", "rst", "upstream.left_tunnel", "notice");
  return tunnel_case("upstream_resets", act, other_leg("rst", "tunnel", "notice", "all"),
                     in_tunnel("local", "rst", "upstream.left_tunnel", "notice"), left, left);
}

Case client_resets() {
  const auto act = [](Stage& stage, const Ends& ends) {
    ends.client.reset();
    stage.check(ends.upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
  };
  const Row left = in_tunnel("peer", "rst", "client.left_tunnel", "notice");
  Row cancelled = in_tunnel("local", "rst", "app.cancelled", "normal");
  cancelled.delivered = "handed";
  return tunnel_case("client_resets", act, left, left, cancelled,
                     other_leg("rst", "tunnel", "notice", "all"));
}

std::uint16_t port_of(const std::string& address) {
  const std::size_t colon = address.rfind(':') + 1;
  std::uint16_t port = 0;
  std::from_chars(address.data() + colon, address.data() + address.size(), port);
  return port;
}

Case killed_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    stage.kill_socket(port_of(ends.upstream.address()), stage.upstream().port());
    stage.check(ends.client.read_to_end() == StreamSight::reset, "the client was to be reset");
  };
  const Row killed = in_tunnel("local", "rst", "operator.killed", "notice");
  return tunnel_case("killed", act, other_leg("rst", "tunnel", "notice", "all"), killed, killed,
                     killed);
}

/// The same on the client's side.
Case killed_front_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    stage.kill_socket(stage.server().port(), ends.client.local_port());
    stage.check(ends.upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
  };
  const Row killed = in_tunnel("local", "rst", "operator.killed", "notice");
  Row cancelled = in_tunnel("local", "rst", "app.cancelled", "normal");
  cancelled.delivered = "handed";
  return tunnel_case("client_killed", act, killed, killed, cancelled,
                     other_leg("rst", "tunnel", "notice", "all"));
}

/// The upstream's kernel acknowledges nothing any more.
Case vanished_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    ends.upstream.vanish();
    ends.client.send("anybody there?");
    stage.check(ends.client.read_to_end() == StreamSight::reset, "the client was to be reset");
  };
  const Row vanished = row("network", "timeout", "tunnel", "network.vanished", "fault", "partial")
                           .answered(101)
                           .undelivered(1, kKiB)
                           .with("found_by", "retransmit");
  Case out =
      tunnel_case("upstream_vanishes", act, other_leg("rst", "tunnel", "fault", "all"),
                  in_tunnel("local", "rst", "network.vanished", "fault"), vanished, vanished);
  out.file.cluster = "timeouts: { tunnel_idle: 1s }";
  return out;
}

/// The same while nobody says anything: the kernel's probes find it.
Case vanished_silent_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    ends.upstream.vanish();
    stage.check(ends.client.read_to_end() == StreamSight::reset, "the client was to be reset");
  };
  const Row vanished = row("network", "timeout", "tunnel", "network.vanished", "fault", "all")
                           .answered(101)
                           .with("found_by", "keep_alive")
                           .with("error", "ETIMEDOUT");
  Case out =
      tunnel_case("upstream_vanishes_silently", act, other_leg("rst", "tunnel", "fault", "all"),
                  in_tunnel("local", "rst", "network.vanished", "fault"), vanished, vanished);
  out.file.cluster = "tcp_keepalive: 1s";
  return out;
}

/// What is sent stays unacknowledged for longer than the cluster allows.
Case vanished_user_timeout_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    ends.upstream.vanish();
    ends.client.send("anybody there?");
    stage.check(ends.client.read_to_end() == StreamSight::reset, "the client was to be reset");
  };
  const Row vanished = row("network", "timeout", "tunnel", "network.vanished", "fault", "partial")
                           .answered(101)
                           .undelivered(1, kKiB)
                           .with("found_by", "user_timeout");
  Case out = tunnel_case(
      "upstream_vanishes_for_the_user_timeout", act, other_leg("rst", "tunnel", "fault", "all"),
      in_tunnel("local", "rst", "network.vanished", "fault"), vanished, vanished);
  out.file.cluster = "tcp_user_timeout: 1s";
  return out;
}

/// The client's acknowledges nothing any more, which its kernel's timer finds.
Case vanished_client_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    ends.client.vanish();
    ends.upstream.send("anybody there?");
    stage.check(ends.upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
  };
  const Row vanished = row("network", "timeout", "tunnel", "network.vanished", "fault", "partial")
                           .answered(101)
                           .undelivered(1, kKiB)
                           .with("found_by", "user_timeout");
  Row cancelled = in_tunnel("local", "rst", "app.cancelled", "normal");
  cancelled.delivered = "handed";
  Case out = tunnel_case("client_vanishes", act, vanished, vanished, cancelled,
                         other_leg("rst", "tunnel", "fault", "all"));
  out.file.listener = "tcp_user_timeout: 1s";
  return out;
}

/// The same, found by the gateway's own wait, which sees no bytes either way.
Case lost_client_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    ends.client.vanish();
    ends.upstream.send("anybody there?");
    stage.check(ends.upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
  };
  const Row vanished = row("network", "timeout", "tunnel", "network.vanished", "fault", "partial")
                           .answered(101)
                           .undelivered(1, kKiB)
                           .with("found_by", "retransmit");
  const Row idle = in_tunnel("local", "timeout", "timeout.tunnel_idle", "notice");
  Case out = tunnel_case("client_vanishes_in_silence", act, vanished, vanished, idle,
                         Row(idle).with("timer", "clusters.api.timeouts.tunnel_idle = 1s"));
  out.file.cluster = "timeouts: { tunnel_idle: 1s }";
  return out;
}

/// Both legs end by the operator's will.
Case ended_case(std::string name, std::function<void(Stage&)> end, std::string_view how,
                std::string_view cause) {
  const auto act = [end = std::move(end)](Stage& stage, const Ends& ends) {
    end(stage);
    check_ends(stage, ends);
  };
  const Row both = in_tunnel("local", how, cause, "notice");
  Row attempt = both;
  attempt.delivered = "handed";
  Case out = tunnel_case(std::move(name), act, both, both, attempt, both);
  out.exit_status = 1;
  return out;
}

Case forced_case() {
  return ended_case(
      "shutdown_forced",
      [](Stage& stage) {
        stage.signal(SIGTERM);
        stage.wait_drain();
        stage.signal(SIGTERM);
      },
      "rst", "operator.shutdown_forced");
}

Case drained_case() {
  Case out = ended_case(
      "drained", [](Stage& stage) { stage.signal(SIGTERM); }, "timeout", "timeout.drain");
  out.file.listener = "timeouts: { drain: 700ms }";
  return out;
}

void finish_both(Stage& stage, const Ends& ends) {
  ends.client.finish_sending();
  stage.check(ends.upstream.read_to_end() == StreamSight::eof, "the FIN did not come");
  ends.upstream.finish_sending();
  stage.check(ends.client.read_to_end() == StreamSight::eof, "the other FIN did not come");
}

void echo(Stage& stage, const Ends& ends) {
  ends.client.send("still");
  stage.check(ends.upstream.read_text(5) == "still", "other bytes came through");
  ends.upstream.send("here");
  stage.check(ends.client.read_text(4) == "here", "other bytes came back");
}

/// Its cluster is gone, and its route allows no upgrade any more.
Case reloaded_case() {
  const auto act = [](Stage& stage, const Ends& ends) {
    stage.reload("upgrade: [websocket]", "upgrade: []");
    echo(stage, ends);
    finish_both(stage, ends);
  };
  const Row front = in_tunnel("peer", "fin", "ok.tunnel_done", "normal");
  const Row back = in_tunnel("local", "fin", "ok.tunnel_done", "normal");
  Case out = tunnel_case("outlives_a_reload", act, front, front, back, back);
  out.file.route = "upgrade: [websocket]";
  return out;
}

/// A drain waits until it has ended by itself.
Case drain_waits() {
  const auto act = [](Stage& stage, const Ends& ends) {
    stage.signal(SIGTERM);
    stage.wait_drain();
    echo(stage, ends);
    finish_both(stage, ends);
  };
  const Row front = in_tunnel("peer", "fin", "ok.tunnel_done", "normal");
  const Row back = in_tunnel("local", "fin", "ok.tunnel_done", "normal");
  return tunnel_case("outlives_the_drains_begin", act, front, front, back, back);
}

// ---- No tunnel

Case refused_case() {
  const auto act = [](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get(kAsk));
    Peer& upstream = stage.take_request();
    upstream.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    stage.check(stage.see(client, 403) == "no", "another body came through");
    stage.part(client);
  };
  const Row refused =
      row("peer", "none", "head", "upstream.upgrade_refused", "notice", "all").answered(403);
  return {"upgrade_refused",
          {},
          act,
          {{e2e::closed_idle(), {{e2e::served().answered(403), {{refused}}}}}},
          {pool_shut()}};
}

/// A 101 that switches to what nobody asked for.
Case other_protocol(std::string name, std::string_view asked, std::string reason) {
  const auto act = [asked](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get(asked));
    stage.take_request().send("HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
    stage.see_failure(client, 502, "upstream.bad_head");
    stage.part(client);
  };
  return failing(std::move(name), {}, act,
                 row("local", "rst", "head", "upstream.bad_head", "fault", "all")
                     .with("reason", std::move(reason)),
                 answered("upstream.bad_head", 502));
}

// ---- Over TLS

enum class Exit { alert, cut };

/// The upstream leaves by an alert, or by a FIN that anybody may have sent.
Case tls_case(Exit way) {
  const std::string_view how = way == Exit::alert ? "alert" : "truncated";
  const auto act = [way](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get(kAsk));
    TlsEnd end = stage.take_tls_request();
    end.send(kSwitched);
    check_switch(stage, client);
    stage.wait_dialed("tunnel");
    way == Exit::alert ? end.alert() : end.cut();
    stage.check(client.read_to_end() == StreamSight::reset, "the client was to be reset");
  };
  const Row left = in_tunnel("peer", how, "upstream.left_tunnel", "notice");
  const Row request = in_tunnel("local", "rst", "upstream.left_tunnel", "notice");
  return {fmt::format("tunnel_tls_{}", how),
          {.tls = true},
          act,
          {{other_leg("rst", "tunnel", "notice", "all"), {{request, {{left}}}}}},
          {plain(left)}};
}

}  // namespace

std::vector<Case> tunnel_cases() {
  return {done_case(true),
          done_case(false),
          silent_case(),
          upstream_resets(),
          client_resets(),
          killed_case(),
          killed_front_case(),
          vanished_case(),
          vanished_silent_case(),
          vanished_user_timeout_case(),
          vanished_client_case(),
          lost_client_case(),
          forced_case(),
          drained_case(),
          reloaded_case(),
          drain_waits(),
          refused_case(),
          other_protocol("switches_unasked", "", "upgrade_not_requested"),
          other_protocol("switches_to_another", kAsk, "upgrade_to_another"),
          tls_case(Exit::alert),
          tls_case(Exit::cut)};
}

}  // namespace finack::gateway_matrix
