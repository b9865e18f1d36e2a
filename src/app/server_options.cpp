#include "app/server_options.h"

#include <string_view>

namespace finack::app {
namespace {

using config::OptionTable;
using config::Row;
using server::Limits;
using server::Settings;
using server::Timeouts;
using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Nanos kShortest = milliseconds(1);
constexpr Nanos kDay = hours(24);
constexpr Nanos kLongestWait = hours(24 * 24);  // Of a timer.
constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;

struct TimeoutRow {
  Row row;
  Nanos Timeouts::* field;
  Nanos high;
};

// Each line says: starts · restarts · stops, as docs/endings.md does.
constexpr TimeoutRow kTimeouts[] = {
    {{"timeout-first-byte", "timeouts.first_byte",
      "starts: accept or TLS done · restarts: never · stops: first byte of a request", "no limit",
      "a client that connects and says nothing holds its slot for ever"},
     &Timeouts::first_byte,
     kDay},
    {{"timeout-head", "timeouts.head",
      "starts: first byte of a head (leading CRLFs count) · restarts: never · stops: head complete",
      "no limit", "a client that sends its head byte by byte (slowloris) holds its slot for ever"},
     &Timeouts::head,
     kDay},
    {{"timeout-body-idle", "timeouts.body_idle",
      "starts: we wait for body bytes · restarts: each byte · stops: body complete or we stop "
      "reading",
      "no limit", "a client that stops in the middle of its body holds its request for ever"},
     &Timeouts::body_idle,
     kDay},
    {{"timeout-body-total", "timeouts.body_total",
      "starts: head complete · restarts: never · stops: body complete", "no limit"},
     &Timeouts::body_total,
     kLongestWait},
    {{"timeout-handler", "timeouts.handler",
      "starts: handler starts · restarts: never · stops: first response byte (cannot stop a plain "
      "handler; the watchdog names it)",
      "no limit"},
     &Timeouts::handler,
     kDay},
    {{"timeout-handler-stall", "timeouts.handler_stall",
      "starts: response started, handler owes bytes · restarts: each byte · stops: finish",
      "no limit",
      "a handler that forgets to finish its response keeps the client waiting for ever"},
     &Timeouts::handler_stall,
     kDay},
    {{"timeout-response-stall", "timeouts.response_stall",
      "starts: bytes wait for the client's window · restarts: acknowledged progress · stops: sent",
      "no limit", "a client that stops reading holds its response in memory for ever"},
     &Timeouts::response_stall,
     kDay},
    {{"timeout-response-total", "timeouts.response_total",
      "starts: first response byte · restarts: never · stops: last byte handed to the kernel",
      "no limit"},
     &Timeouts::response_total,
     kLongestWait},
    {{"timeout-flush", "timeouts.flush",
      "starts: closing with bytes unacknowledged · restarts: progress · stops: all acknowledged",
      "no limit", "a client that vanished keeps its closing connection until the kernel gives up"},
     &Timeouts::flush,
     kDay},
    {{"timeout-idle", "timeouts.idle",
      "starts: response done · restarts: never · stops: next byte; advertised as Keep-Alive: "
      "timeout",
      "no limit", "idle connections are kept until the client closes them"},
     &Timeouts::idle,
     kLongestWait},
    {{"idle-margin", "timeouts.idle_margin",
      "how much later than the advertised idle time we close, so that fewer requests cross our FIN",
      "close at the advertised time", "requests sent at the last moment meet our FIN more often"},
     &Timeouts::idle_margin,
     std::chrono::minutes(1)},
    {{"timeout-lifetime", "timeouts.lifetime",
      "starts: accept · restarts: never · stops: the end; a budget of the whole connection",
      "no limit"},
     &Timeouts::lifetime,
     kLongestWait},
    {{"timeout-drain", "timeouts.drain",
      "starts: the drain · restarts: never · stops: the last connection's end; what is left is cut",
      "no limit", "one request that never ends keeps the process from stopping"},
     &Timeouts::drain,
     kDay},
    {{"drain-delay", "timeouts.drain_delay",
      "from readiness going false to listeners stopping, for load balancers to notice",
      "listeners stop at once"},
     &Timeouts::drain_delay,
     hours(1)},
    {{"linger", "timeouts.linger",
      "starts: our FIN · restarts: never · stops: the client's FIN; what it sends is discarded",
      "close at once",
      "a client still sending is reset and may lose the response that is on its way"},
     &Timeouts::linger,
     hours(1)},
};

void timeout_rows(OptionTable& table, Timeouts& timeouts) {
  table.group("Timeouts", "One setting for each wait; each covers exactly that wait.");
  for (const TimeoutRow& t : kTimeouts) {
    table.duration(t.row, timeouts.*t.field, kShortest, t.high);
  }
}

void size_rows(OptionTable& table, Limits& limits) {
  table.group("Limits", "What a client may cost.");
  table.rate({"min-rate", "limits.min_rate",
              "least bytes a second, over 5 s, while a head or body is read", "no minimum"},
             limits.min_rate, 1, kGiB);
  table.bytes({"max-head-bytes", "limits.head_bytes",
               "longest request head, start line included; more is answered 431"},
              limits.head_bytes, 256, kMiB);
  table.count({"max-headers", "limits.headers", "most header fields of a head; more: 431"},
              limits.headers, 1, 10'000);
  table.bytes({"max-target-bytes", "limits.target_bytes", "longest request target; more: 414"},
              limits.target_bytes, 16, kMiB);
  table.bytes({"max-body-bytes", "limits.body_bytes", "longest request body; more: 413",
               "no request may have a body"},
              limits.body_bytes, 1, 1024 * 1024 * kMiB);
  table.bytes({"max-trailer-bytes", "limits.trailer_bytes",
               "longest trailer section of a chunked body; more: 431", "no trailers"},
              limits.trailer_bytes, 1, kMiB);
  table.bytes({"write-buffer-bytes", "limits.write_buffer_bytes",
               "response bytes held for a request before its handler is told to wait"},
              limits.write_buffer_bytes, 4 * kKiB, kGiB);
  table.bytes({"read-buffer-bytes", "limits.read_buffer_bytes",
               "unread body bytes held for a request before reading pauses"},
              limits.read_buffer_bytes, 4 * kKiB, kGiB);
}

constexpr std::uint64_t kMostConnections = 100'000'000;

void connection_rows(OptionTable& table, Settings& settings) {
  Limits& limits = settings.limits;
  table.count({"max-connections", "limits.connections", "connections in all, over all workers",
               "no limit", "the process takes connections until descriptors or memory run out"},
              limits.connections, 1, kMostConnections);
  table.count({"max-connections-per-address", "limits.connections_per_address",
               "connections of one client address, over all workers", "no limit"},
              limits.connections_per_address, 1, kMostConnections);
  table.count(
      {"max-requests-per-connection", "limits.requests_per_connection",
       "requests of one connection; the last one is answered with Connection: close", "no limit"},
      limits.requests_per_connection, 1, 1'000'000'000);
}

/// A field value as RFC 9110 section 5.5 allows it, held to visible ASCII and inner spaces.
std::expected<void, std::string> check_field_value(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return std::unexpected("only visible ASCII may stand in a header");
  }
  if (text.starts_with(' ') || text.ends_with(' ')) {
    return std::unexpected("a header value neither starts nor ends with a space");
  }
  return {};
}

void behaviour_rows(OptionTable& table, Settings& settings) {
  table.group("Connections", "How the server behaves on a connection.");
  table.word({"client-half-close", "connection.client_half_close",
              "a client's FIN while its handler runs: probe asks the kernel by an interim 100, "
              "cancel takes it for a full close, tolerate serves on"},
             settings.client_half_close,
             {{"probe", server::HalfClose::probe},
              {"cancel", server::HalfClose::cancel},
              {"tolerate", server::HalfClose::tolerate}});
  table.duration({"tcp-keepalive", "connection.tcp_keepalive",
                  "silence before the kernel probes whether the client is still there", "off",
                  "a client that vanished while idle is only found by a timeout of ours"},
                 settings.tcp_keepalive, std::chrono::seconds(1), std::chrono::seconds(32'767));
  table.duration(
      {"tcp-user-timeout", "connection.tcp_user_timeout",
       "how long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT)", "the system's own"},
      settings.tcp_user_timeout, kShortest, kDay);
  table.duration(
      {"loop-blocked", "connection.loop_blocked",
       "a handler that blocks its loop longer than this is named by the watchdog", "no watchdog"},
      settings.loop_blocked, kShortest, hours(1));
  table.count({"backlog", "connection.backlog",
               "connections that may wait for accept; the kernel caps it at net.core.somaxconn"},
              settings.backlog, 1, 1'000'000);
  table.flag({"keep-alive-header", "connection.keep_alive_header",
              "answer with Keep-Alive: timeout=..., max=..."},
             settings.keep_alive_header);
  table.text({"server-header", "connection.server_header", "value of the Server header",
              "the header is left out"},
             settings.server_header, "visible ASCII", check_field_value);
}

}  // namespace

void server_rows(OptionTable& table, Settings& settings) {
  timeout_rows(table, settings.timeouts);
  size_rows(table, settings.limits);
  connection_rows(table, settings);
  behaviour_rows(table, settings);
}

}  // namespace finack::app
