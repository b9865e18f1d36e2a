#include "e2e/matrix/sequences.h"

namespace finack::matrix {
namespace {

constexpr Sequence kSequences[] = {
    {"FIN while handling; the answer is written; RST", "client.left_waiting",
     "left_waiting_close_tolerated"},
    {"FIN while handling; the answer is acknowledged", "ok.half_close_served",
     "half_close_tolerated"},
    {"FIN while handling; our probe meets a RST", "client.left_waiting",
     "left_waiting_close_probed"},
    {"FIN while handling; cancelled by setting; RST", "client.left_waiting",
     "left_waiting_close_cancelled"},
    {"FIN while handling; cancelled; the 503 is acknowledged", "policy.half_close_cancelled",
     "half_close_cancelled"},
    {"FIN while handling; cancelled; neither comes before the flush limit", "client.left_unproved",
     "half_close_cancelled_unproved"},
    {"RST while handling, a half-close is tolerated", "client.left_waiting",
     "left_waiting_rst_tolerated"},
    {"FIN before the request's framed end while handling", "client.body_truncated",
     "body_cut_while_handling_fin"},
    {"RST before the request's framed end while responding", "client.body_truncated",
     "body_cut_while_response_rst"},
    {"RST before the request's framed end, a closing answer was sent", "policy.early_reply",
     "early_reply_then_rst"},
    {"RST before the request's framed end under a closing response", "client.left_receiving",
     "body_reset_under_closing_response"},
    {"a full request and a RST found in one wake-up", "client.left_waiting",
     "left_waiting_request_and_rst_at_once"},
    {"the handler throws after the client left", "client.left_waiting",
     "app_failed_after_client_left"},
    {"handler throws; 500 sent; connection goes on", "app.failed", "app_failed"},
    {"the stall timer fires while nothing is acknowledged", "network.vanished",
     "vanished_response_stall"},
    {"the flush timer fires while nothing is acknowledged", "network.vanished",
     "vanished_with_small_last_response"},
    {"the user timeout fires while nothing is acknowledged", "network.vanished",
     "vanished_response_user_timeout"},
    {"the idle timer fires while a response is not acknowledged", "network.vanished",
     "vanished_with_small_response_found_idle"},
    {"idle peer gone, our idle timer fires", "timeout.idle", "vanished_idle_timer"},
    {"idle peer gone, TCP keep-alive finds it first", "network.vanished", "vanished_idle"},
    {"retransmissions end in EHOSTUNREACH", "network.unreachable", "unreachable_response"},
    {"413 sent, the client uploads on past linger", "policy.body_too_large",
     "body_too_large_linger_expired"},
    {"the last allowed request answered", "policy.request_limit", "requests_limited"},
    {"SIGTERM while idle", "operator.shutdown", "shutdown_idle"},
    {"SIGTERM; the in-flight answer is sent", "operator.shutdown", "shutdown_in_flight"},
    {"SIGTERM; cut by the drain deadline", "timeout.drain", "drain_handling"},
    {"SIGTERM; a second signal", "operator.shutdown_forced", "shutdown_forced_handling"},
    {"RST while idle, unacknowledged bytes left", "client.left_flush", "left_flush_idle_rst"},
    {"RST while idle, all acknowledged", "client.reset_idle", "reset_idle"},
    {"accept() succeeded, first read says ECONNRESET", "client.silent", "silent_rst"},
    {"request bytes meet our idle FIN", "timeout.idle_raced", "timeout_idle_raced"},
};

}  // namespace

std::span<const Sequence> sequences() { return kSequences; }

}  // namespace finack::matrix
