#include "e2e/gateway/exclusions.h"

namespace finack::gateway_matrix {
namespace {

using e2e::Exclusion;

constexpr const char* kRefusals = "upstream.bad_head upstream.head_too_large upstream.bad_framing";

// What a gateway of HTTP/1.1 cannot meet, or not in that way. Earlier lines take what they name; a
// later line must still have something of its own to exclude.
constexpr Exclusion kDialed[] = {
    // Phases and ways that come with other parts.
    {"c r", "*", "*", "goaway stream_reset", "HTTP/2 comes with the edge"},
    {"c r", "*", "tunnel", "*", "tunnels come with upgrades"},

    // Causes that come with other parts.
    {"c", "timeout.h2_settings", "*", "*", "HTTP/2 comes with the edge"},
    {"c r", "timeout.heartbeat", "*", "*", "pings come with WebSocket and HTTP/2"},
    {"r", "upstream.upgrade_refused", "*", "*", "upgrades come with tunnels"},
    {"r", "upstream.grpc_no_status", "*", "*", "gRPC comes with HTTP/2"},
    {"c", "kernel.* network.foreign_reset operator.process_died", "*", "*",
     "comes with the observer"},
    {"c r", "bug.invariant unknown", "*", "*", "a bug: every case asks for none of them"},
    {"c", "policy.health_check", "*", "*", "probes are no traffic: health_checks_test has them"},
    {"c r", "upstream.ejected", "*", "*",
     "what runs on a server that is ejected may end: nothing is cut"},
    {"c", "operator.server_drained operator.reload_retired",
     "resolve connect tls send wait head body", "fin",
     "what runs may end first: it is closed when it is free"},

    {"c", "operator.server_drained", "pool", "fin", "by the admin API: admin_test.py has it"},

    {"c r", "upstream.bad_head", "body", "rst", "a trailer that is none is the body's framing"},

    // Resources.
    {"c r", "resource.slots", "*", "*", "a full pool is waited for, in the queue"},
    {"c r", "resource.memory", "*", "*",
     "a socket that the kernel has no memory for is verdict_test's"},
    {"c r", "resource.disk", "*", "*", "a dialed connection stores nothing"},
    {"c r", "resource.ports resource.descriptors", "resolve tls send wait head body pool", "*",
     "only a dial takes one"},
    {"c r", "resource.ports", "connect", "refused", "there is nobody who could refuse"},
    {"c r", "resource.descriptors", "connect", "reply fin", "no socket was made that could end so"},

    // One way of several that the list allows.
    {"c", "ok.completed", "body", "none reply", "the agreed end of a connection is seen on it"},
    {"r", "ok.completed", "body", "fin reply rst truncated alert",
     "a response that came whole ends by nothing"},
    {"c r", kRefusals, "*", "fin", "who breaks the rules is reset"},
    {"c", "upstream.extra_data", "*", "fin", "who breaks the rules is reset"},
    {"c", "policy.other_leg", "*", "rst", "the leg of a client that left is closed"},
    {"c r", "upstream.early_reply", "send", "rst", "its answer is kept, and then it is closed"},
    {"c r", "operator.shutdown", "*", "reply", "there is nobody to reply to"},
    {"c r", "operator.shutdown_forced", "*", "rst", "a dialed connection is closed"},
    {"c r", "operator.killed", "*", "fin", "by the admin API: admin_test.py has it"},
    {"c r", "app.cancelled", "*", "rst", "a try that nobody waits for is let go"},
    {"c r", "upstream.closed_no_head", "send", "rst", "a RST there is upstream.write_refused"},

    // One phase of several that `any` allows.
    {"c", "policy.other_leg", "resolve connect tls", "fin",
     "what is dialed serves the next request"},
    {"c", "policy.other_leg", "pool", "fin", "a free connection has no other leg"},
    {"c", "timeout.try timeout.request_total", "resolve connect tls", "timeout",
     "what is dialed serves the next request"},
    {"c r", "timeout.try timeout.request_total", "pool", "timeout",
     "a free connection has no request"},
    {"c", "app.cancelled", "*", "fin", "a client that left is the other leg's cause there"},
    {"r", "app.cancelled", "pool", "fin", "a free connection has no request"},
    {"c", "operator.shutdown", "send wait head body", "fin", "a drain lets finish what is busy"},
    {"r", "operator.shutdown", "*", "fin", "a drain lets finish what is busy"},
    {"c r", "operator.shutdown_forced", "pool", "fin",
     "a free connection is closed when the drain begins"},
    {"c r", "timeout.drain", "pool", "timeout",
     "a free connection is closed when the drain begins"},
    {"c r", "operator.killed", "resolve connect", "rst",
     "there is no connection yet that could be named"},
    {"r", "operator.killed", "pool", "rst", "a free connection has no request"},
    {"c r", "network.vanished", "resolve head body pool", "timeout",
     "nothing of ours is on its way: one that is gone is one that stalls"},
    {"c r", "network.vanished", "tls", "timeout",
     "its kernel has acknowledged our hello before an act can stop it"},
    {"c r", "network.unreachable", "resolve head body pool", "unreachable",
     "nothing of ours is on its way that could be answered"},
    {"c r", "network.unreachable", "connect", "unreachable", "there it is upstream.unreachable"},
    {"c r", "network.unreachable", "tls send", "unreachable",
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
    {"c r", "*", "tunnel proxy_header tls", "*", "tunnels and the edge come later"},
    {"c r", "*", "*", "truncated ws_close", "TLS for clients comes with the edge"},
    {"c", "kernel.* network.foreign_reset operator.process_died operator.reload_retired", "queue",
     "*", "comes with the observer, and with the edge"},
    {"c r", "bug.invariant unknown", "*", "*", "a bug: every case asks for none of them"},
    {"c r", "resource.*", "queue", "*", "a place in the queue takes none"},
    {"c r", kOfHandlers, "queue", "*", "no handler but the gateway's own, which waits"},
    {"c r", kOfInput, "queue", "*", "found while a head or a body is read"},
    {"r",
     "policy.denied policy.rate_limited policy.no_route policy.not_ready policy.maintenance "
     "policy.loop",
     "queue", "*", "decided before a slot is asked for"},
    {"r", "policy.response_blocked", "queue", "*", "there is no response yet"},
    {"c", "policy.connection_limited policy.request_limit policy.idle_evicted", "queue", "*",
     "not while a request is in progress"},
    {"c r", "policy.fault_injected", "queue", "*", "fault rules come later"},
    {"c r", "policy.overload_shed", "queue", "*",
     "who finds no place in the queue is shed before he waits there"},
    {"c r", "policy.half_close_cancelled", "queue", "reply",
     "the other matrix has it for a request that is handled: the queue is the gateway's handling"},
    {"c r", "client.left_unproved", "queue", "fin",
     "the other matrix has it for a request that is handled: the queue is the gateway's handling"},
    {"c r", "timeout.lifetime", "queue", "timeout",
     "the other matrix has it for a request that is handled: the queue is the gateway's handling"},
    {"c r", "operator.shutdown", "queue", "*", "a drain lets finish what has come"},
    {"c r", "operator.shutdown_forced", "queue", "fin", "it resets"},
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
