#include "finack/sinks/record_lines.h"

#include <gtest/gtest.h>

#include <boost/json/src.hpp>  // The library itself: the layer does not link it.
#include <cerrno>
#include <filesystem>

#include "sinks/samples.h"
#include "sinks/text.h"

namespace finack::sinks {
namespace {

using record::Lang;

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

/// What the sink writes for the records that `act` hands it; every line must parse.
template <class Act>
std::string written(Act act, RecordLines::Options options = {}) {
  test::MemoryFile file;
  RecordLines lines(file.duplicate(), std::move(options));
  act(lines);
  EXPECT_EQ(file.text(), "") << "nothing before the drain is over";
  lines.flush(test::kNoon);
  EXPECT_TRUE(lines.settle(test::kPatience));
  const std::string text = file.text();
  for (const std::string& line : test::lines_of(text)) {
    boost::json::error_code error;
    const auto value = boost::json::parse(line, error);
    EXPECT_FALSE(error) << error.message() << ": " << line;
    EXPECT_TRUE(value.is_object());
  }
  return text;
}

template <class Record>
std::string connection_line(const Record& r, RecordLines::Options options = {}) {
  return written([&](RecordLines& lines) { lines.on_connection(r); }, std::move(options));
}
std::string request_line(const record::RequestRecord& r, RecordLines::Options options = {}) {
  return written([&](RecordLines& lines) { lines.on_request(r); }, std::move(options));
}

TEST(RecordLines, NormalConnection) {
  EXPECT_EQ(connection_line(test::idle_connection()),
            R"({"v":1,"kind":"connection","id":"5f0c91aa03-1f","role":"server",)"
            R"("purpose":"traffic","worker":3,"listener":"127.0.0.1:8080",)"
            R"("local":"127.0.0.1:8080","peer":"127.0.0.1:50312","protocol":"http/1.1","tls":null,)"
            R"("opened":"2026-01-31T08:15:02.123456Z","ended":"2026-01-31T08:15:02.124690Z",)"
            R"("duration_us":1234,"requests":3,"bytes_in":420,"bytes_out":990,"ended_by":"peer",)"
            R"("how":"fin","phase":"idle","cause":"ok.peer_closed_idle","severity":"normal",)"
            R"("delivered":"all","undelivered_bytes":0,"evidence":{"certainty":"proved"}})"
            "\n");
}

TEST(RecordLines, AbnormalConnectionHasTcpEventsAndExplanation) {
  record::ConnectionRecord r = test::idle_connection();
  r.id = {.boot = 1, .worker = 0, .sequence = 1};
  r.protocol = {};
  r.ending.ended_by = record::EndedBy::network;
  r.ending.how = record::How::timeout;
  r.ending.phase = record::Phase::flush;
  r.ending.cause = record::Cause::network_vanished;
  r.ending.severity = record::Severity::fault;
  r.ending.delivered = record::Delivered::partial;
  r.ending.undelivered_bytes = 512;
  r.ending.evidence.certainty = record::Certainty::inferred;
  r.ending.evidence.error = ETIMEDOUT;
  r.ending.evidence.setting = "timeout-flush";
  r.ending.evidence.setting_value = 10'000'000'000;
  r.ending.evidence.first_unacknowledged_request = 3;
  r.ending.evidence.found_by = record::FoundBy::flush;
  r.tcp = {.valid = true,
           .state = 4,
           .probes = 0,
           .retransmits = 6,
           .unacked_segments = 2,
           .notsent_bytes = 10,
           .rtt_us = 80,
           .total_retransmits = 7,
           .last_ack_recv_ms = 9000,
           .bytes_acked = 478};
  const record::FlightEvent events[] = {
      {.at_us = 0, .event = "phase", .word = "fresh", .value = 0},
      {.at_us = 12, .event = "bytes_in", .word = {}, .value = 420}};
  r.events = events;
  const std::string line = connection_line(r);
  const std::string expected_end =
      R"("ended_by":"network","how":"timeout","phase":"flush","cause":"network.vanished",)"
      R"("severity":"fault","delivered":"partial","undelivered_bytes":512,)"
      R"("evidence":{"certainty":"inferred","error":"ETIMEDOUT","timer":"timeout-flush = 10s",)"
      R"("first_unacknowledged_request":3,"found_by":"flush"},)"
      R"("tcp":{"state":"fin_wait1","unacked_segments":2,"notsent_bytes":10,"retransmits":6,)"
      R"("total_retransmits":7,"probes":0,"rtt_us":80,"last_ack_recv_ms":9000,)"
      R"("bytes_acked":478},"events":[{"at_us":0,"event":"phase","word":"fresh"},)"
      R"({"at_us":12,"event":"bytes_in","value":420}],"explain":)" +
      json_text(record::explain(r.ending, Lang::en)) + "}\n";
  EXPECT_TRUE(line.ends_with(expected_end)) << line << expected_end;
  EXPECT_NE(line.find(R"("id":"0000000100-1")"), std::string::npos);
  EXPECT_NE(line.find(R"("protocol":null)"), std::string::npos);
}

TEST(RecordLines, KeepAliveOfADialedConnection) {
  record::ConnectionRecord r = test::idle_connection();
  r.keep_alive.valid = true;
  EXPECT_TRUE(connection_line(r).ends_with(
      R"("keep_alive":{"advertised_us":null,"observed_us":null,"used_us":null}})"
      "\n"));
  r.keep_alive = {.advertised = std::chrono::seconds(5),
                  .observed = std::chrono::microseconds(2'800'001),
                  .used = std::chrono::microseconds(2'800'001),
                  .valid = true};
  EXPECT_TRUE(connection_line(r).ends_with(
      R"("keep_alive":{"advertised_us":5000000,"observed_us":2800001,"used_us":2800001}})"
      "\n"));
}

TEST(RecordLines, Request) {
  record::RequestRecord r = test::slow_request();
  EXPECT_EQ(request_line(r),
            R"({"v":1,"kind":"request","id":"5f0c91aa03-1f.2","connection":"5f0c91aa03-1f",)"
            R"("role":"server","method":"GET","target":"/slow?ms=2000","route":"/slow","status":0,)"
            R"("started":"2026-01-31T08:15:02.123456Z","duration_us":1200000,"ttfb_us":null,)"
            R"("bytes_in":0,"bytes_out":0,"ended_by":"peer","how":"fin","phase":"handling",)"
            R"("cause":"client.left_waiting","severity":"notice","delivered":"none",)"
            R"("undelivered_bytes":0,"evidence":{"certainty":"proved"},"explain":)" +
                json_text(record::explain(r.ending, Lang::en)) +
                R"(,"upstream":[],"trace_id":null})"
                "\n");
}

TEST(RecordLines, RequestThatCompletedAndHasAnId) {
  record::RequestRecord r = test::slow_request();
  r.status = 200;
  r.time_to_first_byte = std::chrono::microseconds(77);
  r.bytes_out = 120;
  r.request_id = "req-\"1\"";
  r.ending = {.ended_by = record::EndedBy::local,
              .how = record::How::none,
              .phase = record::Phase::flush,
              .cause = record::Cause::ok_completed,
              .severity = record::Severity::normal,
              .delivered = record::Delivered::handed,
              .undelivered_bytes = 0,
              .evidence = {}};
  const std::string line = request_line(r);
  EXPECT_NE(line.find(R"("status":200,)"), std::string::npos);
  EXPECT_NE(line.find(R"("ttfb_us":77,"bytes_in":0,"bytes_out":120,)"), std::string::npos);
  EXPECT_TRUE(line.ends_with(R"("delivered":"handed","undelivered_bytes":0,)"
                             R"("evidence":{"certainty":"proved"},"upstream":[],"trace_id":null,)"
                             R"("request_id":"req-\"1\""})"
                             "\n"))
      << line;
}

TEST(RecordLines, TriesOfAProxiedRequest) {
  record::RequestRecord r = test::slow_request();
  const record::UpstreamTry tries[] = {
      {.address = test::v4(9001),
       .connection = {.boot = 0x5f0c91aa, .worker = 3, .sequence = 0x20},
       .cause = record::Cause::upstream_stale_reuse,
       .attempt = 1,
       .reused = true,
       .duration = std::chrono::microseconds(90)},
      {.address = {},
       .connection = {},
       .cause = record::Cause::upstream_resolve_failed,
       .attempt = 2}};
  r.upstream = tries;
  EXPECT_NE(request_line(r).find(
                R"(,"upstream":[{"address":"127.0.0.1:9001","connection":"5f0c91aa03-20",)"
                R"("reused":true,"attempt":1,"cause":"upstream.stale_reuse","duration_us":90},)"
                R"({"address":null,"connection":null,"reused":false,"attempt":2,)"
                R"("cause":"upstream.resolve_failed","duration_us":0}],"trace_id":null})"),
            std::string::npos)
      << request_line(r);
}

TEST(RecordLines, EveryFieldOfTheEvidence) {
  record::RequestRecord r = test::slow_request();
  r.purpose = record::Purpose::admin;
  r.exception = "bad\nthing";
  r.ending.evidence = {.certainty = record::Certainty::inferred,
                       .linger = record::Linger::expired,
                       .found_by = record::FoundBy::user_timeout,
                       .exception = true,
                       .error = EPIPE,
                       .reason = "content_length_repeated",
                       .setting = "max-body-bytes",
                       .resource = "descriptors",
                       .setting_value = 1024,
                       .expected_bytes = 500,
                       .received_bytes = 0,
                       .idle_us = 1,
                       .after_response_us = 2,
                       .handler_after_left_us = 3,
                       .request = 4,
                       .first_unacknowledged_request = 5};
  const std::string line = request_line(r);
  EXPECT_NE(line.find(R"("evidence":{"certainty":"inferred","error":"EPIPE",)"
                      R"("reason":"content_length_repeated","setting":"max-body-bytes = 1024",)"
                      R"("resource":"descriptors","expected_bytes":500,"received_bytes":0,)"
                      R"("idle_us":1,"after_response_us":2,"handler_after_left_us":3,"request":4,)"
                      R"("first_unacknowledged_request":5,"linger":"expired",)"
                      R"("found_by":"user_timeout","exception":"bad\u000athing"})"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find(R"("role":"server","purpose":"admin","method")"), std::string::npos);
  r.exception = {};
  EXPECT_NE(request_line(r).find(R"("exception":true})"), std::string::npos);
}

TEST(RecordLines, CutHeadHasNoMethodTargetOrRoute) {
  record::RequestRecord r = test::slow_request();
  r.method = r.target = r.route = {};
  EXPECT_NE(request_line(r).find(R"("method":null,"target":null,"route":null,"status":0)"),
            std::string::npos);
}

TEST(RecordLines, AnyBytesOfATargetStayValidJson) {
  record::RequestRecord r = test::slow_request();
  std::string target = "/";
  for (int byte = 0; byte < 256; ++byte) target += static_cast<char>(byte);
  r.target = target;
  const std::string line = request_line(r);
  const auto value = boost::json::parse(line).as_object();
  // Every byte is a character of its own, the invalid ones by their value.
  EXPECT_EQ(test::lines_of(line).size(), 1u);
  EXPECT_NE(line.find(R"(\u0000\u0001)"), std::string::npos);
  EXPECT_NE(line.find(R"(\u0080\u0081)"), std::string::npos);
  EXPECT_NE(line.find(R"(\u00fe\u00ff)"), std::string::npos);
  EXPECT_EQ(value.at("target").as_string().size(), 1u + 128 + 2 * 128);
}

TEST(RecordLines, QueriesAreRedactedWhereAskedFor) {
  RecordLines::Options options;
  options.redact_query = true;
  EXPECT_NE(request_line(test::slow_request(), options).find(R"("target":"/slow?…redacted",)"),
            std::string::npos);
}

TEST(RecordLines, ChineseExplanation) {
  RecordLines::Options options;
  options.lang = Lang::zh;
  const auto r = test::slow_request();
  const auto line = boost::json::parse(request_line(r, options)).as_object();
  EXPECT_EQ(std::string_view(line.at("explain").as_string()), record::explain(r.ending, Lang::zh));
}

TEST(RecordLines, Finding) {
  record::FindingRecord r;
  r.finding = record::Finding::loop_blocked;
  r.worker = 1;
  r.at = test::kNoon;
  r.duration = std::chrono::milliseconds(80);
  r.route = "/sync";
  r.connection = {.boot = 1, .worker = 1, .sequence = 9};
  const std::string end = R"("explain":)" + json_text(record::explain(r.finding, Lang::en)) + "}\n";
  EXPECT_EQ(written([&](RecordLines& lines) { lines.on_finding(r); }),
            R"({"v":1,"kind":"finding","finding":"finding.loop_blocked",)"
            R"("at":"2026-01-31T08:15:02.123456Z","worker":1,"connection":"0000000101-9",)"
            R"("route":"/sync","duration_us":80000,)" +
                end);
  r.connection = {};
  r.route = {};
  r.duration = Nanos(0);
  EXPECT_EQ(written([&](RecordLines& lines) { lines.on_finding(r); }),
            R"({"v":1,"kind":"finding","finding":"finding.loop_blocked",)"
            R"("at":"2026-01-31T08:15:02.123456Z","worker":1,)" +
                end);
}

TEST(RecordLines, DroppedRecordsAreSummedUp) {
  EXPECT_EQ(written([](RecordLines& lines) {
              lines.on_dropped(5);
              lines.on_dropped(7);
            }),
            R"({"v":1,"kind":"dropped","count":12})"
            "\n");
}

TEST(RecordLines, AFullDiskIsSurvivedAndCounted) {
  std::string told;
  RecordLines::Options options;
  options.path = "/dev/full";
  options.trouble = [&](std::string_view text) { told = text; };
  const auto lines = RecordLines::open(options).value();
  for (int i = 0; i < 3; ++i) lines->on_connection(test::idle_connection());
  lines->flush(test::kNoon);
  lines->on_connection(test::idle_connection());
  lines->flush(test::kNoon);
  ASSERT_TRUE(lines->settle(test::kPatience));
  EXPECT_EQ(lines->dropped(), 4u);
  EXPECT_EQ(lines->written(), 0u);
  EXPECT_NE(told.find("/dev/full"), std::string::npos);
}

TEST(RecordLines, ReopenFollowsARotation) {
  char name[] = "/tmp/finack-records-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string folder = name;
  RecordLines::Options options;
  options.path = folder + "/records.jsonl";
  {
    const auto lines = RecordLines::open(options).value();
    lines->on_connection(test::idle_connection());
    lines->flush(test::kNoon);
    ASSERT_TRUE(lines->settle(test::kPatience));
    std::filesystem::rename(options.path, options.path + ".1");
    lines->reopen();
    lines->on_request(test::slow_request());
  }
  EXPECT_TRUE(test::file_text(options.path + ".1").starts_with(R"({"v":1,"kind":"connection")"));
  EXPECT_TRUE(test::file_text(options.path).starts_with(R"({"v":1,"kind":"request")"));
  std::filesystem::remove_all(folder);
}

TEST(RecordLines, OpenSaysWhatWasWrong) {
  RecordLines::Options options;
  options.path = "/nonexistent/folder/records";
  const auto lines = RecordLines::open(options);
  ASSERT_FALSE(lines);
  EXPECT_NE(lines.error().what.find("/nonexistent/folder/records"), std::string::npos);
}

}  // namespace
}  // namespace finack::sinks
