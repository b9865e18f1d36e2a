#pragma once
#include "sinks/metric_info.h"

namespace finack::sinks {

inline constexpr MetricInfo kBuildInfo{"finack_build_info", Gauge,
                                       "version, revision, loop_backend",
                                       "Always 1; the labels say what runs."};
inline constexpr MetricInfo kWorkers{"finack_workers", Gauge, "",
                                     "Workers, each with its own loop."};
inline constexpr MetricInfo kConnectionsOpened{
    "finack_connections_opened_total", Counter, "role, worker",
    "Connections opened: accepted, or dialed. Opened = ended + live."};
inline constexpr MetricInfo kConnectionsEnded{
    "finack_connections_ended_total", Counter, "role, worker",
    "Connections ended; equal to the sum of finack_connection_endings_total."};
inline constexpr MetricInfo kConnectionsLive{"finack_connections_live", Gauge, "role, worker",
                                             "Connections open now."};
inline constexpr MetricInfo kConnectionsInPhase{"finack_connections_in_phase", Gauge, "role, phase",
                                                "Connections open now, by the phase they are in."};
inline constexpr MetricInfo kConnectionEndings{
    "finack_connection_endings_total", Counter, "role, ended_by, how, phase, cause",
    "Ended connections: who ended them, how, in which phase, for which cause."};
inline constexpr MetricInfo kRequestsOpened{
    "finack_requests_opened_total", Counter, "role, worker",
    "Requests begun, at their first head byte. Opened = ended + live."};
inline constexpr MetricInfo kRequestsEnded{
    "finack_requests_ended_total", Counter, "role, worker",
    "Requests ended; equal to the sum of finack_request_endings_total."};
inline constexpr MetricInfo kRequestsLive{"finack_requests_live", Gauge, "role, worker",
                                          "Requests under way now."};
inline constexpr MetricInfo kRequestEndings{
    "finack_request_endings_total", Counter, "role, ended_by, how, phase, cause",
    "Ended requests: who ended them, how, in which phase, for which cause."};
inline constexpr MetricInfo kUnknownEndings{
    "finack_unknown_endings_total", Counter, "",
    "Endings nobody could explain; anything above 0 is a bug of ours."};
inline constexpr MetricInfo kEndingsOverflowed{
    "finack_endings_overflowed_total", Counter, "",
    "Endings counted in the books but not by cause, because the table of combinations was full."};
inline constexpr MetricInfo kResponses{
    "finack_responses_total", Counter, "role, class",
    "Response heads by status class: sent, interim ones included, or received from upstreams."};
inline constexpr MetricInfo kRequestDuration{
    "finack_request_duration_seconds", Histogram, "role",
    "First head byte to the end of the request; role client: one try at an upstream."};
inline constexpr MetricInfo kTimeToFirstByte{
    "finack_request_time_to_first_byte_seconds", Histogram, "role",
    "First head byte to the first response byte; requests without a response are not in it."};
inline constexpr MetricInfo kReceivedBytes{"finack_received_bytes_total", Counter, "role",
                                           "Bytes read from connections that have ended."};
inline constexpr MetricInfo kSentBytes{"finack_sent_bytes_total", Counter, "role",
                                       "Bytes the kernel took for connections that have ended."};
inline constexpr MetricInfo kUndeliveredBytes{
    "finack_undelivered_bytes_total", Counter, "role",
    "Bytes unsent or unacknowledged when connections ended; an upper bound of what was lost."};
inline constexpr MetricInfo kRequestReceivedBytes{"finack_request_received_bytes_total", Counter,
                                                  "role",
                                                  "Body bytes read: of requests, or (role client) "
                                                  "of responses."};
inline constexpr MetricInfo kRequestSentBytes{
    "finack_request_sent_bytes_total", Counter, "role",
    "Head and body bytes the kernel took: of responses, or (role client) of requests."};
inline constexpr MetricInfo kHandlerExceptions{
    "finack_handler_exceptions_total", Counter, "",
    "Requests whose handler threw, whatever ended them."};
inline constexpr MetricInfo kTimerFires{"finack_timer_fires_total", Counter, "timer",
                                        "Timers that fired, by setting."};
inline constexpr MetricInfo kFindings{"finack_findings_total", Counter, "finding",
                                      "Findings: events worth knowing that ended no connection."};
inline constexpr MetricInfo kAccepts{"finack_accepts_total", Counter, "result",
                                     "What listeners met: accepted, aborted (gone before), failed, "
                                     "shed (ended at once for lack of room)."};
inline constexpr MetricInfo kLoopDelay{"finack_loop_delay_seconds", Histogram, "",
                                       "How late a worker's loop came back to its events."};
inline constexpr MetricInfo kRecordsDropped{"finack_records_dropped_total", Counter, "",
                                            "Records lost because a worker's ring was full."};
inline constexpr MetricInfo kRecordLinesDropped{
    "finack_record_lines_dropped_total", Counter, "sink",
    "Lines about records that could not be written (full disk, closed pipe) or found no room (a "
    "reader too slow), by sink: records, console."};
inline constexpr MetricInfo kLogLinesDropped{
    "finack_log_lines_dropped_total", Counter, "",
    "Lines of logger() that could not be written or found no room."};
inline constexpr MetricInfo kNontrafficOpened{
    "finack_nontraffic_connections_opened_total", Counter, "purpose",
    "Connections opened for the admin listener or health checks; in no other metric."};
inline constexpr MetricInfo kNontrafficEnded{
    "finack_nontraffic_connections_ended_total", Counter, "purpose",
    "Connections ended for the admin listener or health checks."};
inline constexpr MetricInfo kNontrafficLive{
    "finack_nontraffic_connections_live", Gauge, "purpose",
    "Connections open now for the admin listener or health checks."};
inline constexpr MetricInfo kOpenFds{"finack_process_open_fds", Gauge, "",
                                     "Descriptors this process has open."};
inline constexpr MetricInfo kMaxFds{"finack_process_max_fds", Gauge, "",
                                    "Descriptors this process may open (soft limit)."};
inline constexpr MetricInfo kResidentBytes{"finack_process_resident_memory_bytes", Gauge, "",
                                           "Memory of this process that is in RAM."};
inline constexpr MetricInfo kCpuSeconds{"finack_process_cpu_seconds_total", Counter, "",
                                        "CPU time of this process, user and system."};
inline constexpr MetricInfo kStartTime{"finack_process_start_time_seconds", Gauge, "",
                                       "Unix time at which this process started."};

/// Every family of a serving process, in the order of export.
inline constexpr const MetricInfo* kMetricList[] = {
    &kBuildInfo,         &kWorkers,
    &kConnectionsOpened, &kConnectionsEnded,
    &kConnectionsLive,   &kConnectionsInPhase,
    &kConnectionEndings, &kRequestsOpened,
    &kRequestsEnded,     &kRequestsLive,
    &kRequestEndings,    &kUnknownEndings,
    &kEndingsOverflowed, &kResponses,
    &kRequestDuration,   &kTimeToFirstByte,
    &kReceivedBytes,     &kSentBytes,
    &kUndeliveredBytes,  &kRequestReceivedBytes,
    &kRequestSentBytes,  &kHandlerExceptions,
    &kTimerFires,        &kFindings,
    &kAccepts,           &kLoopDelay,
    &kRecordsDropped,    &kRecordLinesDropped,
    &kLogLinesDropped,   &kNontrafficOpened,
    &kNontrafficEnded,   &kNontrafficLive,
    &kOpenFds,           &kMaxFds,
    &kResidentBytes,     &kCpuSeconds,
    &kStartTime,
};

}  // namespace finack::sinks
