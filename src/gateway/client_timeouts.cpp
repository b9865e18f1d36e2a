#include "gateway/client_timeouts.h"

#include "gateway/bounds.h"

namespace finack::gateway {
namespace {

struct TimeoutRow {
  config::Row row;
  Nanos ClientTimeouts::* field;
  std::optional<Nanos> RouteTimeouts::* override;
  Nanos high;
};

// Each line says: starts · restarts · stops, as docs/endings.md does.
constexpr TimeoutRow kTimeouts[] = {
    {config::key("resolve",
                 "starts: the server's name is asked for · restarts: never · stops: an answer",
                 "no limit", "a name server that never answers holds its requests for ever"),
     &ClientTimeouts::resolve, &RouteTimeouts::resolve, kHour},
    {config::key("connect", "starts: the dial · restarts: never · stops: connected", "no limit",
                 "a server that is cut off holds its requests until the kernel gives up"),
     &ClientTimeouts::connect, &RouteTimeouts::connect, kHour},
    {config::key("tls", "starts: connected · restarts: never · stops: handshake done", "no limit",
                 "a server that stops in the handshake holds its requests for ever"),
     &ClientTimeouts::tls, &RouteTimeouts::tls, kHour},
    {config::key("send",
                 "starts: the server takes no bytes of the request · restarts: progress · stops: "
                 "sent",
                 "no limit", "a server that stops reading holds its requests for ever"),
     &ClientTimeouts::send, &RouteTimeouts::send, kDay},
    {config::key("first_response_byte",
                 "starts: request sent · restarts: an interim response · stops: first byte of the "
                 "response",
                 "no limit", "a server that never answers holds its requests for ever"),
     &ClientTimeouts::first_response_byte, &RouteTimeouts::first_response_byte, kDay},
    {config::key("response_idle",
                 "starts: we wait for more of the response's head or body · restarts: each byte of "
                 "the body, never in a head · stops: complete",
                 "no limit", "a server that stops within a response holds its request for ever"),
     &ClientTimeouts::response_idle, &RouteTimeouts::response_idle, kDay},
    {config::key("try", "budget of one try, from the dial or checkout to its end", "no limit"),
     &ClientTimeouts::try_, &RouteTimeouts::try_, kDay},
    {config::key("request_total", "budget of a request, with the queue and all tries", "no limit"),
     &ClientTimeouts::request_total, &RouteTimeouts::request_total, kLongestWait},
    {config::key("queue", "starts: a slot is awaited · restarts: never · stops: a slot", "no limit",
                 "requests may wait for ever while a cluster is full"),
     &ClientTimeouts::queue, &RouteTimeouts::queue, kDay},
    {config::key("tunnel_idle",
                 "starts: upgraded · restarts: each byte either way · stops: the end", "no limit",
                 "a tunnel whose peers are silent is kept for ever"),
     &ClientTimeouts::tunnel_idle, &RouteTimeouts::tunnel_idle, kLongestWait},
};

}  // namespace

void describe_client_timeouts(config::Scope& scope, ClientTimeouts& timeouts) {
  for (const TimeoutRow& t : kTimeouts) {
    scope.rows().duration(t.row, timeouts.*t.field, kShortest, t.high);
  }
}

void describe_route_timeouts(config::Scope& scope, RouteTimeouts& timeouts) {
  for (const TimeoutRow& t : kTimeouts) {
    config::Row row = t.row;
    row.unset = "the cluster's";
    scope.rows().duration(row, timeouts.*t.override, kShortest, t.high);
  }
}

}  // namespace finack::gateway
