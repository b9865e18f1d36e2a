#include "e2e/gateway/exclusions.h"

namespace finack::gateway_matrix {
namespace {

using e2e::Exclusion;

constexpr const char* kNoTunnel = "resolve connect tls send wait head body pool";
constexpr const char* kRefusals = "upstream.bad_head upstream.head_too_large upstream.bad_framing";

// What a gateway of HTTP/1.1 cannot meet, or not in that way. Earlier lines take what they name; a
// later line must still have something of its own to exclude.
constexpr Exclusion kDialed[] = {
    // Phases and ways that come with other parts.
    {"c r", "*", "*", "goaway stream_reset", "HTTP/2 comes with the edge"},

    // Causes that come with other parts.
    {"c", "timeout.h2_settings", "*", "*", "HTTP/2 comes with the edge"},
    {"c r", "timeout.heartbeat", "*", "*", "pings come with WebSocket and HTTP/2"},
    {"c r", "ok.ws_closed timeout.ws_close upstream.ws_lost", "*", "*",
     "a tunnel's frames are not looked at"},
    {"r", "upstream.grpc_no_status", "*", "*", "gRPC comes with HTTP/2"},
    {"c", "kernel.* network.foreign_reset operator.process_died", "*", "*",
     "comes with the observer"},
    {"c r", "bug.invariant unknown", "*", "*", "a bug: every case asks for none of them"},
    {"c", "policy.health_check", "*", "*", "probes are no traffic: health_checker_test has them"},
    {"c r", "upstream.ejected", "*", "*",
     "what runs on a server that is ejected may end: nothing is cut"},
    {"c", "operator.server_drained operator.reload_retired",
     "resolve connect tls send wait head body tunnel", "fin",
     "what runs may end first: it is closed when it is free"},

    {"c", "operator.server_drained", "pool", "fin", "by the admin API: admin_test.py has it"},

    {"c r", "upstream.bad_head", "body", "rst", "a trailer that is none is the body's framing"},

    // Resources.
    {"c r", "resource.slots", "*", "*", "a full pool is waited for, in the queue"},
    {"r", "timeout.queue", "connect", "timeout",
     "only where two workers race for the last place: pool_test has it"},
    {"c r", "resource.memory", "*", "*",
     "a socket that the kernel has no memory for is verdict_test's"},
    {"c r", "resource.disk", "*", "*", "a dialed connection stores nothing"},
    {"c r", "resource.ports resource.descriptors", "resolve tls send wait head body pool tunnel",
     "*", "only a dial takes one"},
    {"c r", "resource.ports", "connect", "refused", "there is nobody who could refuse"},
    {"c r", "resource.descriptors", "connect", "reply fin", "no socket was made that could end so"},

    // One way of several that the list allows.
    {"c", "ok.completed", "body", "none reply", "the agreed end of a connection is seen on it"},
    {"r", "ok.completed", "body", "fin reply rst truncated alert",
     "a response that came whole ends by nothing"},
    {"c r", kRefusals, "*", "fin", "who breaks the rules is reset"},
    {"c", "upstream.extra_data", "*", "fin", "who breaks the rules is reset"},
    {"c", "policy.other_leg", kNoTunnel, "rst", "the leg of a client that left is closed"},
    {"c r", "upstream.early_reply", "send", "rst", "its answer is kept, and then it is closed"},
    {"c r", "operator.shutdown", "*", "reply", "there is nobody to reply to"},
    {"c r", "operator.shutdown_forced", kNoTunnel, "rst", "a dialed connection is closed"},
    {"c r", "operator.killed", "*", "fin", "by the admin API: admin_test.py has it"},
    {"c r", "app.cancelled", kNoTunnel, "rst", "a try that nobody waits for is let go"},
    {"c", "policy.other_leg", "tunnel", "fin", "a FIN would say that all was said"},
    {"c r", "operator.shutdown_forced", "tunnel", "fin", "a FIN would say that all was said"},
    {"r", "app.cancelled", "tunnel", "fin", "a FIN would say that all was said"},
    {"c r", "upstream.closed_no_head", "send", "rst", "a RST there is upstream.write_refused"},

    // One phase of several that `any` allows.
    {"c", "policy.other_leg", "resolve connect tls", "fin",
     "what is dialed serves the next request"},
    {"c", "policy.other_leg", "pool", "fin", "a free connection has no other leg"},
    {"c r", "timeout.try timeout.request_total", "tunnel", "timeout",
     "they are budgets of the answer"},
    {"c", "timeout.try timeout.request_total", "resolve connect tls", "timeout",
     "what is dialed serves the next request"},
    {"c r", "timeout.try timeout.request_total", "pool", "timeout",
     "a free connection has no request"},
    {"c", "app.cancelled", "*", "fin rst", "a client that left is the other leg's cause there"},
    {"r", "app.cancelled", "pool", "fin", "a free connection has no request"},
    {"c", "operator.shutdown", "send wait head body tunnel", "fin",
     "a drain lets finish what is busy"},
    {"r", "operator.shutdown", "*", "fin", "a drain lets finish what is busy"},
    {"c r", "operator.shutdown_forced", "pool", "fin",
     "a free connection is closed when the drain begins"},
    {"c r", "timeout.drain", "pool", "timeout",
     "a free connection is closed when the drain begins"},
    {"c r", "operator.killed", "resolve connect", "rst",
     "there is no connection yet that could be named"},
    {"r", "operator.killed", "pool", "rst", "a free connection has no request"},
    {"c r", "network.vanished", "resolve", "timeout", "there is no connection yet"},
    {"r", "network.vanished", "pool", "timeout", "a free connection has no request"},
    {"c r", "network.vanished", "head body", "timeout",
     "tunnel stands for all in which the kernel's probes find it"},
    {"c r", "network.vanished", "tls", "timeout",
     "its kernel has acknowledged our hello before an act can stop it"},
    {"c r", "network.unreachable", "resolve head body pool", "unreachable",
     "nothing of ours is on its way that could be answered"},
    {"c r", "network.unreachable", "connect", "unreachable", "there it is upstream.unreachable"},
    {"c r", "network.unreachable", "tls send tunnel", "unreachable",
     "wait stands for all in which our bytes are on their way"},
    {"c r", "upstream.stale_reuse upstream.closed_no_head", "send", "truncated",
     "wait stands for both that an upload can meet"},
    {"c r", "upstream.tls_alert", "send", "alert", "wait stands for both that an upload can meet"},
};

constexpr const char* kOfHandlers = "app.* policy.early_reply";
constexpr const char* kOfInput =
    "policy.bad_request policy.smuggling policy.head_too_large policy.body_too_large";

constexpr Exclusion kAccepted[] = {
    {"c r", "*", "*", "goaway stream_reset", "HTTP/2 comes with the edge"},
    {"c r", "*", "proxy_header tls", "*", "the edge comes later"},
    {"c r", "*", "*", "truncated ws_close", "TLS for clients comes with the edge"},
    {"c r", "*", "tunnel", "reply", "a tunnel has no answer"},
    {"c r", "timeout.heartbeat timeout.ws_close client.ws_lost", "tunnel", "*",
     "a tunnel's frames are not looked at"},
    {"c r", "app.*", "tunnel", "*", "no handler but the gateway's own"},
    {"c r", "resource.*", "tunnel", "*", "a tunnel takes no more than its request"},
    {"c r", "policy.overload_shed", "tunnel", "*", "who has a slot keeps it"},
    {"c r", "timeout.lifetime", "tunnel", "*", "no timer of the server's runs in a tunnel"},
    {"c r", "timeout.request_total", "tunnel", "*", "it is a budget of the answer"},
    {"c r", "operator.shutdown", "tunnel", "*", "a drain waits for a tunnel"},
    {"c r", "operator.killed", "tunnel", "fin", "a socket that is destroyed is reset"},
    {"c r", "network.unreachable", "tunnel", "*",
     "the other matrix has it where bytes of ours are on their way"},
    {"c", "policy.other_leg", "tunnel", "fin", "a FIN would say that all was said"},

    {"c", "kernel.* network.foreign_reset operator.process_died operator.reload_retired",
     "queue tunnel", "*", "comes with the observer, and with the edge"},
    {"c r", "bug.invariant unknown", "*", "*", "a bug: every case asks for none of them"},
    {"c r", "resource.*", "queue", "*", "a place in the queue takes none"},
    {"c r", kOfHandlers, "queue", "*", "no handler but the gateway's own, which waits"},
    {"c r", kOfInput, "queue tunnel", "*", "found while a head or a body is read"},
    {"r",
     "policy.denied policy.rate_limited policy.no_route policy.not_ready policy.maintenance "
     "policy.loop",
     "queue", "*", "decided before a slot is asked for"},
    {"r", "policy.response_blocked", "queue", "*", "there is no response yet"},
    {"c", "policy.connection_limited policy.request_limit policy.idle_evicted", "queue tunnel", "*",
     "not while a request is in progress"},
    {"c r", "policy.fault_injected", "queue tunnel", "*", "fault rules come later"},
    {"c r", "policy.overload_shed", "queue", "*",
     "who finds no place in the queue is shed before he waits there"},
    {"c r", "policy.half_close_cancelled", "queue", "reply",
     "the other matrix has it for a request that is handled: the queue is the gateway's handling"},
    {"c r", "client.left_unproved", "queue", "fin",
     "the other matrix has it for a request that is handled: the queue is the gateway's handling"},
    {"c r", "timeout.lifetime", "queue", "timeout",
     "the other matrix has it for a request that is handled: the queue is the gateway's handling"},
    {"c r", "operator.shutdown", "queue", "*", "a drain lets finish what has come"},
    {"c r", "operator.shutdown_forced", "queue tunnel", "fin", "it resets"},
    {"c r", "operator.killed", "queue", "*", "the other matrix has it for a request in handling"},
    {"c r", "network.vanished network.unreachable", "queue", "*",
     "nothing of ours is on its way that could go unanswered"},

    {"c", "policy.other_leg", "accept fresh head flush idle", "*", "there is no other leg"},
    {"c", "policy.other_leg", "body queue handling", "*",
     "a client that got no response byte is answered, and its connection goes on"},
    {"c", "timeout.request_total", "*", "timeout",
     "its request is answered, or cut: then the connection's cause is the other leg"},
    {"r", "timeout.request_total", "accept fresh head flush idle", "timeout",
     "the budget is of what is proxied"},
    {"r", "upstream.retries_spent upstream.replay_impossible",
     "accept fresh head queue response flush idle", "reply",
     "decided when a try has failed and nothing was answered"},
};

}  // namespace

std::span<const Exclusion> exclusions() { return kDialed; }
std::span<const Exclusion> accepted_exclusions() { return kAccepted; }

}  // namespace finack::gateway_matrix
