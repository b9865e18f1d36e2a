#include <string_view>

#include "config/address_text.h"
#include "gateway/bounds.h"
#include "gateway/settings_table.h"
#include "gateway/text_checks.h"

namespace finack::gateway {
namespace {

using config::key;
using config::OptionTable;
using config::Row;
using config::Scope;

struct TimeoutRow {
  Row row;
  Nanos ListenerTimeouts::* field;
  Nanos high;
};

// Each line says: starts · restarts · stops, as docs/endings.md does.
constexpr TimeoutRow kTimeouts[] = {
    {key("first_byte",
         "starts: accept or TLS done · restarts: never · stops: first byte of a request",
         "no limit", "a client that connects and says nothing holds its slot for ever"),
     &ListenerTimeouts::first_byte, kDay},
    {key("head",
         "starts: first byte of a head (leading CRLFs count) · restarts: never · stops: head "
         "complete",
         "no limit",
         "a client that sends its head byte by byte (slowloris) holds its slot for ever"),
     &ListenerTimeouts::head, kDay},
    {key("body_idle",
         "starts: we wait for body bytes · restarts: each byte · stops: body complete or we stop "
         "reading",
         "no limit", "a client that stops in the middle of its body holds its request for ever"),
     &ListenerTimeouts::body_idle, kDay},
    {key("body_total", "starts: head complete · restarts: never · stops: body complete",
         "no limit"),
     &ListenerTimeouts::body_total, kLongestWait},
    {key("handler",
         "starts: handler starts · restarts: never · stops: first response byte (cannot stop a "
         "plain "
         "handler; the watchdog names it)",
         "no limit"),
     &ListenerTimeouts::handler, kDay},
    {key("handler_stall",
         "starts: response started, handler owes bytes · restarts: each byte · stops: finish",
         "no limit",
         "a handler that forgets to finish its response keeps the client waiting for ever"),
     &ListenerTimeouts::handler_stall, kDay},
    {key("response_stall",
         "starts: bytes wait for the client's window · restarts: acknowledged progress · stops: "
         "sent",
         "no limit", "a client that stops reading holds its response in memory for ever"),
     &ListenerTimeouts::response_stall, kDay},
    {key("response_total",
         "starts: first response byte · restarts: never · stops: last byte handed to the kernel",
         "no limit"),
     &ListenerTimeouts::response_total, kLongestWait},
    {key("flush",
         "starts: closing with bytes unacknowledged · restarts: progress · stops: all acknowledged",
         "no limit",
         "a client that vanished keeps its closing connection until the kernel gives up"),
     &ListenerTimeouts::flush, kDay},
    {key("idle",
         "starts: response done · restarts: never · stops: next byte; advertised as Keep-Alive: "
         "timeout",
         "no limit", "idle connections are kept until the client closes them"),
     &ListenerTimeouts::idle, kLongestWait},
    {key("idle_margin",
         "how much later than the advertised idle time we close, so that fewer requests cross our "
         "FIN",
         "close at the advertised time",
         "requests sent at the last moment meet our FIN more often"),
     &ListenerTimeouts::idle_margin, std::chrono::minutes(1)},
    {key("lifetime",
         "starts: accept · restarts: never · stops: the end; a budget of the whole connection",
         "no limit"),
     &ListenerTimeouts::lifetime, kLongestWait},
    {key("drain",
         "starts: the drain, or the reload that removes the listener · restarts: never · stops: "
         "the "
         "last connection's end; what is left is cut",
         "no limit", "one request that never ends keeps the process from stopping"),
     &ListenerTimeouts::drain, kDay},
    {key("drain_delay",
         "from readiness going false to listeners stopping, for load balancers to notice",
         "listeners stop at once"),
     &ListenerTimeouts::drain_delay, kHour},
    {key("linger",
         "starts: our FIN · restarts: never · stops: the client's FIN; what it sends is discarded",
         "close at once",
         "a client still sending is reset and may lose the response that is on its way"),
     &ListenerTimeouts::linger, kHour},
};

void describe_timeouts(Scope& scope, ListenerTimeouts& timeouts) {
  for (const TimeoutRow& t : kTimeouts) {
    scope.rows().duration(t.row, timeouts.*t.field, kShortest, t.high);
  }
}

void describe_limits(Scope& scope, ListenerLimits& limits) {
  OptionTable& table = scope.rows();
  table.rate(
      key("min_rate", "least bytes a second, over 5 s, while a head or body is read", "no minimum"),
      limits.min_rate, 1, kGiB);
  table.bytes(key("head_bytes", "longest request head, start line included; more is answered 431"),
              limits.head_bytes, 256, kMiB);
  table.count(key("headers", "most header fields of a head; more: 431"), limits.headers, 1, 10'000);
  table.bytes(key("target_bytes", "longest request target; more: 414"), limits.target_bytes, 16,
              kMiB);
  table.bytes(key("body_bytes", "longest request body; more: 413", "no request may have a body"),
              limits.body_bytes, 1, 1024 * 1024 * kMiB);
  table.bytes(
      key("trailer_bytes", "longest trailer section of a chunked body; more: 431", "no trailers"),
      limits.trailer_bytes, 1, kMiB);
  table.bytes(key("write_buffer_bytes",
                  "response bytes held for a request before its handler is told to wait"),
              limits.write_buffer_bytes, 4 * kKiB, kGiB);
  table.bytes(
      key("read_buffer_bytes", "unread body bytes held for a request before reading pauses"),
      limits.read_buffer_bytes, 4 * kKiB, kGiB);
  table.count(key("connections", "connections in all, over all workers", "no limit",
                  "the process takes connections until descriptors or memory run out"),
              limits.connections, 1, kMost);
  table.count(key("connections_per_address", "connections of one client address, over all workers",
                  "no limit"),
              limits.connections_per_address, 1, kMost);
  table.count(key("requests_per_connection",
                  "requests of one connection; the last one is answered with Connection: close",
                  "no limit"),
              limits.requests_per_connection, 1, 1'000'000'000);
}

}  // namespace

void describe_listener(Scope& scope, ListenerSettings& listener) {
  OptionTable& table = scope.rows();
  table.text(key("address",
                 "where clients connect, and what a reload tells it by; port 0 takes a free one"),
             listener.address, config::kListenForms, config::check_listen);
  table.text(key("name", "what records and metrics call it", "its address"), listener.name);
  scope.group({.key = "timeouts", .doc = "waits; each covers exactly one"}, listener.timeouts,
              &describe_timeouts);
  scope.group({.key = "limits", .doc = "what a client may cost"}, listener.limits,
              &describe_limits);
  table.word(key("client_half_close",
                 "a client's FIN while its handler runs: probe asks the kernel by an interim 100, "
                 "cancel takes it for a full close, tolerate serves on"),
             listener.client_half_close,
             {{"probe", ClientHalfClose::probe},
              {"cancel", ClientHalfClose::cancel},
              {"tolerate", ClientHalfClose::tolerate}});
  table.duration(
      key("tcp_keepalive", "silence before the kernel probes whether the client is still there",
          "off", "a client that vanished while idle is only found by a timeout of ours"),
      listener.tcp_keepalive, std::chrono::seconds(1), std::chrono::seconds(32'767));
  table.duration(
      key("tcp_user_timeout", "how long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)",
          "the system's own"),
      listener.tcp_user_timeout, kShortest, kDay);
  table.count(key("backlog",
                  "connections that may wait for accept; the kernel caps it at net.core.somaxconn"),
              listener.backlog, 1, 1'000'000);
  table.flag(key("keep_alive_header", "answer with Keep-Alive: timeout=..., max=..."),
             listener.keep_alive_header);
  table.text(key("server_header", "value of the Server header", "the header is left out"),
             listener.server_header, "visible ASCII", check_field_value);
}

}  // namespace finack::gateway
