#include "e2e/matrix/exclusions.h"

namespace finack::matrix {
namespace {

constexpr const char* kRefusals =
    "policy.bad_request policy.smuggling policy.head_too_large policy.body_too_large";

// What an HTTP/1.1 server without TLS, proxying and upgrades cannot meet. Earlier lines take what
// they name; a later line must still have something of its own to exclude.
constexpr Exclusion kExclusions[] = {
    // Phases and ways that come with other parts.
    {"c r", "*", "proxy_header tls", "*", "PROXY headers and TLS come with the edge"},
    {"c r", "*", "tunnel", "*", "this server upgrades nothing: the gateway's matrix has tunnels"},
    {"c r", "*", "queue", "*", "only a proxied request awaits a slot"},
    {"c r", "*", "*", "truncated", "FIN without close_notify: TLS comes with the edge"},
    {"c r", "*", "*", "goaway stream_reset", "HTTP/2 comes with the edge"},
    {"c r", "*", "*", "ws_close", "WebSocket comes with upgrades"},
    {"c r", "*", "*", "handed_over", "sockets are handed over with upgrades"},

    // Causes that come with other parts.
    {"c", "timeout.h2_settings", "*", "*", "HTTP/2 comes with the edge"},
    {"c r", "timeout.heartbeat", "*", "*", "pings come with WebSocket and HTTP/2"},
    {"c r", "timeout.request_total", "*", "*", "a budget of proxied requests"},
    {"r", "upstream.retries_spent upstream.replay_impossible", "*", "*", "proxied requests only"},
    {"c", "policy.other_leg", "*", "*", "proxied requests only"},
    {"r", "policy.response_blocked", "*", "*", "proxied requests only"},
    {"r", "policy.denied policy.rate_limited policy.maintenance policy.loop", "*", "*",
     "rules of the gateway"},
    {"r", "policy.not_ready", "*", "*",
     "readiness is told on the admin listener; requests are served"},
    {"c r", "policy.fault_injected", "*", "*", "fault rules come with the gateway"},
    {"c", "kernel.* network.foreign_reset operator.process_died", "*", "*",
     "comes with the observer"},
    {"c", "operator.reload_retired", "*", "*",
     "a demo server reloads nothing; the gateway's tests do"},
    {"c", "app.fd_misuse", "*", "*", "no user code gets the descriptor"},
    {"c r", "bug.invariant unknown", "*", "*", "a bug: every case asks for none of them"},

    // Resources of other kinds.
    {"c r", "resource.slots resource.ports", "*", "*", "no such budget is kept here"},
    {"c r", "resource.memory", "*", "reply", "no budget of memory is kept here"},
    {"c r", "resource.memory", "*", "rst",
     "a socket that the kernel has no memory for is verdict_test's"},
    {"c", "resource.memory", "fresh head body handling response flush idle", "fin",
     "only accept() is answered by a FIN"},
    {"r", "resource.memory", "*", "*", "who is shut out at accept has no request"},
    {"c r", "resource.disk", "accept fresh head body handling flush idle", "*",
     "a file is read while it is sent"},
    {"c r", "resource.disk", "response", "reply", "the response has begun: it is cut"},
    {"c r", "resource.disk", "response", "rst",
     "a file has a length, which shows also to HTTP/1.0 that it was cut"},
    {"c", "resource.descriptors", "fresh head body handling response flush idle", "fin",
     "only accept() takes a descriptor"},
    {"c", "resource.descriptors", "*", "rst reply", "who is shut out at accept gets a FIN"},
    {"r", "resource.descriptors", "*", "*", "who is shut out at accept has no request"},

    // One way of several that the list allows.
    {"c", "ok.completed", "flush", "none reply", "an agreed close is a FIN"},
    {"r", "ok.completed", "flush", "fin reply", "a completed request ends by nothing"},
    {"c r", "ok.completed", "flush", "rst alert", "ways in which an upstream leaves"},
    {"c", "policy.connection_limited", "*", "reply rst", "who is shut out at accept gets a FIN"},
    {"c", "policy.request_limit", "*", "reply",
     "the last allowed request is answered, and a FIN follows"},
    {"c r", "policy.overload_shed", "*", "rst fin", "requests are shed with a 503"},
    {"c", "policy.overload_shed", "*", "reply", "only requests are shed"},
    {"c r", "operator.shutdown", "*", "reply", "a drain refuses nothing that has come"},
    {"c r", "operator.shutdown_forced operator.killed", "*", "fin", "both reset"},
    {"r", "app.body_short app.body_over", "*", "rst",
     "only HTTP/1.0 without a length is reset, and it promises none"},
    {"c", "app.body_over", "*", "rst",
     "only HTTP/1.0 without a length is reset, and it promises none"},

    // One phase of several that `any` allows.
    {"c r", "timeout.lifetime timeout.drain operator.* network.*", "accept", "*",
     "accept and refusal are one moment"},
    {"c", "timeout.lifetime", "flush", "*", "a close in progress has timers of its own"},
    {"r", "timeout.lifetime", "fresh handling response flush idle", "*",
     "what we owe is still sent: the request ends well"},
    {"c r", "timeout.drain", "idle", "*",
     "an idle connection closes at once; what is cut is its flush"},
    {"r", "timeout.drain", "fresh", "*", "a fresh connection has no request"},
    {"c", "operator.shutdown", "flush", "*", "it closes already, for its own cause"},
    {"r", "operator.shutdown", "fresh head body handling response flush idle", "fin",
     "the request in flight is answered: it ends well"},
    {"c r", "operator.shutdown_forced", "idle", "rst",
     "an idle connection closes at once; what is cut is its flush"},
    {"r", "operator.shutdown_forced operator.killed", "fresh", "rst",
     "a fresh connection has no request"},
    {"r", "operator.killed", "idle", "rst", "an idle connection has no request"},
    {"r", "network.vanished network.unreachable", "fresh idle", "*", "no request is there"},
    {"c", "network.unreachable", "fresh", "*",
     "nothing of ours is on its way that could be answered"},
    {"r", "client.left_flush", "idle", "rst", "an idle connection has no request"},

    // Refusals, each where it is found.
    {"c r", kRefusals, "accept fresh handling flush idle", "*",
     "found while a head or a body is read"},
    {"c r", kRefusals, "response", "reply", "a response that has begun is cut"},
    {"c r", kRefusals, "head body", "fin",
     "where no response has begun, a reply says what was wrong"},
    {"c", "policy.connection_limited", "fresh head body handling response flush idle", "fin",
     "found at accept"},
    {"c", "policy.request_limit", "accept fresh head body handling response idle", "fin",
     "its close begins behind the last response"},
    {"c", "policy.idle_evicted", "accept fresh head body handling response flush", "*",
     "only idle connections are evicted"},
    {"c r", "policy.half_close_cancelled", "accept fresh head body response flush idle", "*",
     "a FIN in the body cuts it; behind the first response byte nothing is cancelled"},
    {"c r", "policy.early_reply", "accept fresh head flush idle", "*",
     "a handler answers, and its request has a body"},
    {"r", "policy.no_route", "accept fresh head body response flush idle", "*",
     "found when the handler is looked for"},
    {"r", "policy.overload_shed", "accept fresh head body response flush idle", "reply",
     "found when a pool thread is asked for"},

    // What handlers do.
    {"c r", "app.abort", "accept fresh head flush idle", "*", "no handler runs"},
    {"c r", "app.abort", "body handling", "fin", "without a response it is a reset"},
    {"r", "app.failed app.no_reply", "accept fresh head flush idle", "*", "no handler runs"},
    {"r", "app.failed", "response", "reply", "the response has begun: it is cut"},
    {"r", "app.failed", "body handling", "fin rst", "a 500 is answered"},
    {"r", "app.failed app.no_reply", "body", "reply",
     "a handler that waits for body bytes runs no code that could end"},
    {"r", "app.no_reply", "response", "reply", "the response has begun"},
    {"c r", "app.body_short app.body_over", "accept fresh head body handling flush idle", "fin",
     "only a response has a body of ours"},
    {"c", "app.body_short", "accept fresh head body handling flush idle", "rst",
     "only a response has a body of ours"},
};

constexpr FindingExclusion kFindings[] = {
    {"finding.accept_overflow", "comes with the observer"},
    {"finding.syn_overflow", "comes with the observer"},
    {"finding.listener_gone", "comes with the observer"},
    {"finding.time_wait_overflow", "comes with the observer"},
    {"finding.time_wait_pressure", "comes with the observer"},
    {"finding.fin_wait2_reaped", "comes with the observer"},
    {"finding.fin_ignored", "comes with the observer"},
    {"finding.bind_failed", "a server that cannot listen does not start"},
    {"finding.silent_drop_suspected", "comes with the observer"},
};

}  // namespace

std::span<const Exclusion> exclusions() { return kExclusions; }
std::span<const FindingExclusion> finding_exclusions() { return kFindings; }

}  // namespace finack::matrix
