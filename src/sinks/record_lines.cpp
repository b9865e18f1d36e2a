#include "finack/sinks/record_lines.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "record/connection_id.h"
#include "sinks/json_object.h"
#include "sinks/line_thread.h"

namespace finack::sinks {
namespace {

using record::Severity;

void id_field(JsonObject& line, std::string_view key, const record::ConnectionId& id) {
  std::string& out = line.key(key);
  out += '"';
  record::append_id(out, id);
  out += '"';
}

std::uint64_t micros(Nanos duration) {
  return duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count()) / 1000;
}

void evidence_field(JsonObject& line, const record::Evidence& e, std::string_view exception) {
  JsonObject o(line.key("evidence"));
  o.word("certainty", name(e.certainty));
  if (e.error != 0) {
    std::string& out = o.key("error");
    out += '"';
    append_errno(out, e.error);
    out += '"';
  }
  if (e.reason != nullptr) o.text("reason", e.reason);
  if (e.setting != nullptr) {
    std::string& out = o.key(is_timer(e) ? "timer" : "setting");
    out += '"';
    append_setting(out, e);
    out += '"';
  }
  if (e.resource != nullptr) o.text("resource", e.resource);
  o.known("expected_bytes", e.expected_bytes, record::kUnknownCount);
  o.known("received_bytes", e.received_bytes, record::kUnknownCount);
  o.known("idle_us", e.idle_us, record::kUnknownCount);
  o.known("after_response_us", e.after_response_us, record::kUnknownCount);
  o.known("handler_after_left_us", e.handler_after_left_us, record::kUnknownCount);
  o.known("request", e.request, 0);
  o.known("first_unacknowledged_request", e.first_unacknowledged_request, 0);
  if (e.linger != record::Linger::none) o.word("linger", name(e.linger));
  if (e.found_by != record::FoundBy::none) o.word("found_by", name(e.found_by));
  if (!exception.empty()) {
    o.text("exception", exception);
  } else if (e.exception) {
    o.key("exception") += "true";
  }
  o.end();
}

void ending_fields(JsonObject& line, const record::Ending& ending, std::string_view exception) {
  line.word("ended_by", name(ending.ended_by));
  line.word("how", name(ending.how));
  line.word("phase", name(ending.phase));
  line.word("cause", name(ending.cause));
  line.word("severity", name(ending.severity));
  line.word("delivered", name(ending.delivered));
  line.number("undelivered_bytes", ending.undelivered_bytes);
  evidence_field(line, ending.evidence, exception);
}

void explain_field(JsonObject& line, const record::Ending& ending, record::Lang lang) {
  if (ending.severity != Severity::normal) line.text("explain", record::explain(ending, lang));
}

std::string_view tcp_state(std::uint8_t state) {
  constexpr std::string_view kStates[] = {
      "unknown", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",   "time_wait",
      "close",   "close_wait",  "last_ack", "listen",   "closing",   "new_syn_recv"};
  return state < std::size(kStates) ? kStates[state] : kStates[0];
}

void tcp_field(JsonObject& line, const TcpFacts& tcp) {
  JsonObject o(line.key("tcp"));
  o.word("state", tcp_state(tcp.state));
  o.number("unacked_segments", tcp.unacked_segments);
  o.number("notsent_bytes", tcp.notsent_bytes);
  o.number("retransmits", tcp.retransmits);
  o.number("total_retransmits", tcp.total_retransmits);
  o.number("probes", tcp.probes);
  o.number("rtt_us", tcp.rtt_us);
  o.number("last_ack_recv_ms", tcp.last_ack_recv_ms);
  o.number("bytes_acked", tcp.bytes_acked);
  o.end();
}

void keep_alive_field(JsonObject& line, const record::KeepAliveLimits& limits) {
  JsonObject o(line.key("keep_alive"));
  const auto limit = [&o](std::string_view key, Nanos value) {
    value.count() < 0 ? o.null(key) : o.number(key, micros(value));
  };
  limit("advertised_us", limits.advertised);
  limit("observed_us", limits.observed);
  limit("used_us", limits.used);
  o.end();
}

/// "<connection>.<number>"
void request_id_field(JsonObject& line, std::string_view key, const record::ConnectionId& id,
                      std::uint32_t number) {
  std::string& out = line.key(key);
  out += '"';
  record::append_id(out, id);
  out += '.';
  append_number(out, number);
  out += '"';
}

void events_field(JsonObject& line, std::span<const record::FlightEvent> events) {
  std::string& out = line.key("events");
  out += '[';
  for (const record::FlightEvent& event : events) {
    if (out.back() != '[') out += ',';
    JsonObject o(out);
    o.number("at_us", event.at_us);
    o.word("event", event.event);
    if (!event.word.empty()) o.word("word", event.word);
    o.known("value", event.value, 0);
    o.end();
  }
  out += ']';
}

/// The tries of a proxied request, oldest first.
void upstream_field(JsonObject& line, std::span<const record::UpstreamTry> tries) {
  std::string& out = line.key("upstream");
  out += '[';
  for (const record::UpstreamTry& one : tries) {
    if (out.back() != '[') out += ',';
    JsonObject o(out);
    if (one.address.family == Address::Family::none) {
      o.null("address");
    } else {
      o.text("address", to_string(one.address));
    }
    if (one.connection.sequence == 0) {
      o.null("connection");
    } else {
      id_field(o, "connection", one.connection);
    }
    o.key("reused") += one.reused ? "true" : "false";
    o.number("attempt", one.attempt);
    o.word("cause", name(one.cause));
    o.number("duration_us", micros(one.duration));
    o.end();
  }
  out += ']';
}

/// Starts a line; every kind begins alike.
JsonObject begin(std::string& out, std::string_view kind) {
  JsonObject line(out);
  line.number("v", 1);
  line.word("kind", kind);
  return line;
}

void append_dropped(std::string& out, std::uint64_t count) {
  JsonObject line = begin(out, "dropped");
  line.number("count", count);
  line.end();
  out += '\n';
}

}  // namespace

std::string id_text(const record::ConnectionId& id) {
  std::string out;
  record::append_id(out, id);
  return out;
}

Expected<std::unique_ptr<RecordLines>> RecordLines::open(Options options) {
  auto fd = LineWriter::open_file(options.path);
  if (!fd) return std::unexpected(std::move(fd.error()));
  return std::make_unique<RecordLines>(std::move(*fd), std::move(options));
}

RecordLines::RecordLines(Fd fd, Options options) : options_(std::move(options)) {
  writer_ = std::make_unique<QueuedLines>(std::move(fd), options_.path,
                                          LineThread::Options{.lane_bytes = options_.queue_bytes,
                                                              .trouble = options_.trouble,
                                                              .report = append_dropped});
}

RecordLines::~RecordLines() = default;

void RecordLines::on_connection(const record::ConnectionRecord& r) {
  std::string& out = writer_->buffer();
  JsonObject line = begin(out, "connection");
  id_field(line, "id", r.id);
  line.word("role", name(r.role));
  line.word("purpose", name(r.purpose));
  line.number("worker", r.id.worker);
  line.text("listener", r.listener);
  line.text("local", to_string(r.local));
  line.text("peer", to_string(r.peer));
  line.text_or_null("protocol", r.protocol);
  line.null("tls");
  line.time("opened", r.opened);
  line.time("ended", r.ended);
  line.number("duration_us", micros(r.ended - r.opened));
  line.number("requests", r.requests);
  line.number("bytes_in", r.bytes_in);
  line.number("bytes_out", r.bytes_out);
  ending_fields(line, r.ending, {});
  if (r.other_leg.sequence != 0) id_field(line, "other_leg", r.other_leg);
  if (r.keep_alive.valid) keep_alive_field(line, r.keep_alive);
  if (r.ending.severity != Severity::normal) {
    if (r.tcp.valid) tcp_field(line, r.tcp);
    if (!r.events.empty()) events_field(line, r.events);
  }
  explain_field(line, r.ending, options_.lang);
  line.end();
  out += '\n';
  writer_->line_done();
}

void RecordLines::on_request(const record::RequestRecord& r) {
  std::string& out = writer_->buffer();
  JsonObject line = begin(out, "request");
  request_id_field(line, "id", r.connection, r.number);
  id_field(line, "connection", r.connection);
  line.word("role", name(r.role));
  if (r.purpose != record::Purpose::traffic) line.word("purpose", name(r.purpose));
  line.text_or_null("method", r.method);
  std::string storage;
  line.text_or_null("target", options_.redact_query ? redacted(r.target, storage) : r.target);
  line.text_or_null("route", r.route);
  line.number("status", r.status);
  line.time("started", r.started);
  line.number("duration_us", micros(r.duration));
  if (r.time_to_first_byte.count() < 0) {
    line.null("ttfb_us");
  } else {
    line.number("ttfb_us", micros(r.time_to_first_byte));
  }
  line.number("bytes_in", r.bytes_in);
  line.number("bytes_out", r.bytes_out);
  ending_fields(line, r.ending, r.exception);
  explain_field(line, r.ending, options_.lang);
  upstream_field(line, r.upstream);
  if (r.other_leg.sequence != 0) request_id_field(line, "other_leg", r.other_leg, r.other_number);
  line.null("trace_id");
  if (!r.request_id.empty()) line.text("request_id", r.request_id);
  line.end();
  out += '\n';
  writer_->line_done();
}

void RecordLines::on_finding(const record::FindingRecord& r) {
  std::string& out = writer_->buffer();
  JsonObject line = begin(out, "finding");
  line.word("finding", name(r.finding));
  line.time("at", r.at);
  line.number("worker", r.worker);
  if (r.connection.sequence != 0) id_field(line, "connection", r.connection);
  if (!r.route.empty()) line.text("route", r.route);
  if (r.duration.count() > 0) line.number("duration_us", micros(r.duration));
  line.text("explain", record::explain(r.finding, options_.lang));
  line.end();
  out += '\n';
  writer_->line_done();
}

void RecordLines::reopen() { writer_->reopen(); }

bool RecordLines::has_room() {
  return options_.overflow == record::Overflow::drop || writer_->has_room();
}

void RecordLines::attach(record::Doorbell* bell) { writer_->thread().attach(bell); }

void RecordLines::on_dropped(std::uint64_t count) { writer_->report_lost(count); }

void RecordLines::flush(WallTime /*now*/) { writer_->flush(); }

bool RecordLines::settle(Nanos most) { return writer_->thread().settle(most); }

std::uint64_t RecordLines::dropped() const { return writer_->thread().dropped(); }

std::uint64_t RecordLines::written() const { return writer_->thread().written(); }

}  // namespace finack::sinks
