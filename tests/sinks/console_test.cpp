#include "finack/sinks/console.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "sinks/samples.h"

namespace finack::sinks {
namespace {

using record::Lang;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::kNoon;
using test::lines_of;

class ConsoleTest : public ::testing::Test {
 protected:
  static Console::Options plain() {
    Console::Options options;
    options.utc = true;
    options.least = record::Severity::normal;
    return options;
  }
  /// What was printed until `now` stands in the file afterwards.
  static void flush(Console& console, WallTime now) {
    console.flush(now);
    EXPECT_TRUE(console.settle(test::kPatience));
  }
  template <class Act>
  std::string printed(Console::Options options, Act act) {
    Console console(file_.duplicate(), options);
    act(console);
    flush(console, kNoon);
    return file_.text();
  }
  static record::ConnectionRecord silent(WallTime at) {
    record::ConnectionRecord r = test::idle_connection();
    r.opened = r.ended = at;
    r.requests = r.bytes_in = r.bytes_out = 0;
    r.ending.cause = record::Cause::client_silent;
    r.ending.phase = record::Phase::fresh;
    r.ending.delivered = record::Delivered::nothing_owed;
    return r;
  }

  test::MemoryFile file_;
};

TEST_F(ConsoleTest, OneAlignedLinePerEnding) {
  const std::string text = printed(plain(), [](Console& console) {
    console.on_request(test::slow_request());
    console.on_connection(test::idle_connection());
  });
  EXPECT_EQ(
      text,
      "08:15:03.323  client.left_waiting          peer fin in handling       GET /slow?ms=2000  "
      "       1f.2                   1.2 s\n"
      "08:15:02.124  ok.peer_closed_idle          peer fin in idle           3 requests         "
      "       127.0.0.1:50312        1.2 ms · 990 B sent\n");
}

TEST_F(ConsoleTest, EvidenceStandsAtTheEnd) {
  record::RequestRecord r = test::slow_request();
  r.method = "POST";
  r.target = "/echo";
  r.status = 400;
  r.bytes_out = 1234;
  r.exception = "oh\x1b[2Jno";
  r.ending.undelivered_bytes = 12'340;
  r.ending.evidence.expected_bytes = 5000;
  r.ending.evidence.received_bytes = 12;
  r.ending.evidence.error = ECONNRESET;
  r.ending.evidence.reason = "chunk_size";
  r.ending.evidence.setting = "timeout-body-idle";
  r.ending.evidence.setting_value = 30'000'000'000;
  r.ending.evidence.certainty = record::Certainty::inferred;
  const std::string text = printed(plain(), [&](Console& console) { console.on_request(r); });
  EXPECT_NE(text.find("POST /echo → 400 "), std::string::npos) << text;
  EXPECT_TRUE(
      text.ends_with("1.2 s · 1 234 B sent · 12 340 B undelivered · 12 of 5 000 body bytes"
                     " · chunk_size · ECONNRESET · timeout-body-idle = 30s · inferred"
                     " · oh\\x1b[2Jno\n"))
      << text;
}

TEST_F(ConsoleTest, WhatWasDialedNamesTheServerAndTheRequest) {
  record::ConnectionRecord connection = test::idle_connection();
  connection.role = record::Role::client;
  record::RequestRecord attempt = test::slow_request();
  attempt.role = record::Role::client;
  attempt.target = {};
  attempt.status = 200;
  attempt.other_leg.sequence = 10;
  attempt.other_number = 3;
  record::RequestRecord refused = attempt;
  refused.status = 0;
  refused.number = 0;
  const std::string text = printed(plain(), [&](Console& console) {
    console.on_connection(connection);
    console.on_request(attempt);
    console.on_request(refused);
  });
  EXPECT_NE(text.find("  3 requests                → 127.0.0.1:50312 "), std::string::npos) << text;
  EXPECT_NE(text.find("  try of a.3 → 200          1f.2 "), std::string::npos) << text;
  EXPECT_NE(text.find("  try of a.3                1f   "), std::string::npos) << text;
}

TEST_F(ConsoleTest, NormalRequestsAndAdminTrafficAreQuiet) {
  const std::string text = printed(plain(), [](Console& console) {
    record::RequestRecord request = test::slow_request();
    request.ending.severity = record::Severity::normal;
    console.on_request(request);
    record::ConnectionRecord connection = test::idle_connection();
    connection.purpose = record::Purpose::admin;
    console.on_connection(connection);
  });
  EXPECT_EQ(text, "");
}

TEST_F(ConsoleTest, EndingsBelowTheThresholdAreQuiet) {
  const std::string normal = "ok.peer_closed_idle";
  const std::string notice = "client.left_waiting";
  const std::string fault = "app.failed";
  const std::string finding = "finding.loop_blocked";
  const std::string bug = "bug.invariant";
  const std::string lost = "3 records lost";
  const std::vector<std::string> all = {normal, notice, fault, finding, bug, lost};
  for (const auto& [least, shown] : {
           std::pair{record::Severity::normal, all},
           std::pair{record::Severity::notice,
                     std::vector<std::string>{notice, fault, finding, bug, lost}},
           std::pair{record::Severity::fault, std::vector<std::string>{fault, finding, bug, lost}},
           std::pair{record::Severity::bug, std::vector<std::string>{bug, lost}},
       }) {
    test::MemoryFile file;
    Console::Options options = plain();
    options.least = least;
    Console console(file.duplicate(), options);
    console.on_connection(test::idle_connection());
    console.on_request(test::slow_request());
    record::RequestRecord request = test::slow_request();
    request.ending.severity = record::Severity::fault;
    request.ending.cause = record::Cause::app_failed;
    console.on_request(request);
    record::FindingRecord blocked;
    blocked.finding = record::Finding::loop_blocked;
    blocked.at = kNoon;
    console.on_finding(blocked);
    record::ConnectionRecord broken = test::idle_connection();
    broken.ending.severity = record::Severity::bug;
    broken.ending.cause = record::Cause::bug_invariant;
    console.on_connection(broken);
    console.on_dropped(3);
    flush(console, kNoon);
    const std::string text = file.text();
    for (const std::string& name : all) {
      const bool expected = std::find(shown.begin(), shown.end(), name) != shown.end();
      EXPECT_EQ(text.find(name) != std::string::npos, expected) << name << "\n" << text;
    }
  }
}

TEST_F(ConsoleTest, TheDefaultLeavesNormalEndingsOut) {
  EXPECT_EQ(Console::Options().least, record::Severity::notice);
}

TEST_F(ConsoleTest, HostileTargetsAreEscapedAndCut) {
  record::RequestRecord r = test::slow_request();
  const std::string target = "/\x1b]0;x\a" + std::string(200, 'a');
  r.target = target;
  const std::string text = printed(plain(), [&](Console& console) { console.on_request(r); });
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("GET /\\x1b]0;x\\x07aaa"), std::string::npos) << text;
  EXPECT_NE(text.find("a…"), std::string::npos) << text;
  EXPECT_EQ(lines_of(text).size(), 1u);
}

TEST_F(ConsoleTest, QueriesAreRedactedWhereAskedFor) {
  Console::Options options = plain();
  options.redact_query = true;
  const std::string text =
      printed(options, [](Console& console) { console.on_request(test::slow_request()); });
  EXPECT_NE(text.find("GET /slow?…redacted"), std::string::npos) << text;
  EXPECT_EQ(text.find("2000"), std::string::npos);
}

TEST_F(ConsoleTest, ExplainsOncePerCauseAndWindow) {
  Console::Options options = plain();
  options.explain = true;
  const std::string text = printed(options, [](Console& console) {
    console.on_request(test::slow_request());
    record::ConnectionRecord connection = test::idle_connection();
    connection.ending = test::left_waiting();
    console.on_connection(connection);
    console.on_connection(test::idle_connection());  // Normal: no explanation.
  });
  const auto lines = lines_of(text);
  ASSERT_EQ(lines.size(), 4u) << text;
  const std::string whole = record::explain(test::left_waiting(), Lang::en);
  ASSERT_TRUE(lines[1].starts_with("              ↳ ")) << lines[1];
  const std::string sentence = lines[1].substr(lines[1].find("↳ ") + std::string("↳ ").size());
  EXPECT_TRUE(whole.starts_with(sentence)) << sentence;
  EXPECT_TRUE(sentence.ends_with("."));
  EXPECT_LT(sentence.size(), whole.size());
}

TEST_F(ConsoleTest, ColourGoesBySeverity) {
  Console::Options options = plain();
  options.colour = true;
  const std::string text = printed(options, [](Console& console) {
    console.on_connection(test::idle_connection());
    console.on_request(test::slow_request());
    record::RequestRecord fault = test::slow_request();
    fault.ending.severity = record::Severity::fault;
    fault.ending.cause = record::Cause::app_failed;
    console.on_request(fault);
  });
  const auto lines = lines_of(text);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0].starts_with("\x1b[2m08:15:02.124  ok.peer_closed_idle ")) << lines[0];
  EXPECT_TRUE(lines[0].ends_with("990 B sent\x1b[0m"));
  EXPECT_NE(lines[1].find("\x1b[36mclient.left_waiting"), std::string::npos);
  EXPECT_NE(lines[2].find("\x1b[1;33mapp.failed"), std::string::npos);
}

TEST_F(ConsoleTest, Chinese) {
  Console::Options options = plain();
  options.lang = Lang::zh;
  options.explain = true;
  const std::string text =
      printed(options, [](Console& console) { console.on_request(test::slow_request()); });
  const auto lines = lines_of(text);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("peer fin 于 handling"), std::string::npos) << lines[0];
  EXPECT_TRUE(lines[1].ends_with("。")) << lines[1];
}

TEST_F(ConsoleTest, RepetitionIsSuppressedAndSummedUp) {
  Console console(file_.duplicate(), plain());
  for (int i = 0; i < 12'350; ++i) console.on_connection(silent(kNoon));
  flush(console, kNoon + seconds(9));
  EXPECT_EQ(lines_of(file_.text()).size(), 10u);
  flush(console, kNoon + seconds(10));
  auto lines = lines_of(file_.text());
  ASSERT_EQ(lines.size(), 11u);
  EXPECT_EQ(lines[10], "08:15:12.123  suppressed 12 340 × client.silent in 10 s");
  flush(console, kNoon + seconds(30));
  EXPECT_EQ(lines_of(file_.text()).size(), 11u) << "summed up once";
  console.on_connection(silent(kNoon + seconds(31)));
  flush(console, kNoon + seconds(31));
  EXPECT_EQ(lines_of(file_.text()).size(), 12u) << "a new window prints again";
}

TEST_F(ConsoleTest, ARecordAfterTheWindowSumsUpWithoutAFlush) {
  Console::Options options = plain();
  options.burst = 1;
  Console console(file_.duplicate(), options);
  console.on_connection(silent(kNoon));
  console.on_connection(silent(kNoon + seconds(1)));
  console.on_connection(silent(kNoon + seconds(10)));
  flush(console, kNoon + seconds(10));
  const auto lines = lines_of(file_.text());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1], "08:15:12.123  suppressed 1 × client.silent in 10 s");
}

TEST_F(ConsoleTest, CausesDoNotShareTheirLimit) {
  Console::Options options = plain();
  options.burst = 1;
  const std::string text = printed(options, [](Console& console) {
    console.on_connection(silent(kNoon));
    console.on_connection(silent(kNoon));
    console.on_connection(test::idle_connection());
  });
  EXPECT_EQ(lines_of(text).size(), 2u);
}

TEST_F(ConsoleTest, TheEndWritesOutstandingSums) {
  {
    Console::Options options = plain();
    options.burst = 1;
    Console console(file_.duplicate(), options);
    for (int i = 0; i < 5; ++i) console.on_connection(silent(kNoon + milliseconds(i * 500)));
    console.on_dropped(7);
  }
  const auto lines = lines_of(file_.text());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1], "08:15:04.123  suppressed 4 × client.silent in 2 s");
  EXPECT_EQ(lines[2], "08:15:04.123  7 records lost: the ring was full");
}

TEST_F(ConsoleTest, LostRecordsAreReportedOncePerWindow) {
  Console console(file_.duplicate(), plain());
  console.on_dropped(5);
  flush(console, kNoon);
  console.on_dropped(6);
  flush(console, kNoon + seconds(1));
  console.on_dropped(7);
  flush(console, kNoon + seconds(10));
  const auto lines = lines_of(file_.text());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "08:15:02.123  5 records lost: the ring was full");
  EXPECT_EQ(lines[1], "08:15:12.123  13 records lost: the ring was full");
}

TEST_F(ConsoleTest, Findings) {
  const std::string text = printed(plain(), [](Console& console) {
    record::FindingRecord r;
    r.finding = record::Finding::loop_blocked;
    r.worker = 1;
    r.route = "/sync";
    r.at = kNoon;
    r.duration = milliseconds(80);
    console.on_finding(r);
  });
  EXPECT_EQ(
      text,
      "08:15:02.123  finding.loop_blocked         worker 1                   /sync              "
      "                              80.0 ms\n");
}

TEST_F(ConsoleTest, APipeIsPlain) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd in(ends[0]);
  const Fd out(ends[1]);
  const auto options = Console::options_for(out.get());
  EXPECT_FALSE(options.colour);
  EXPECT_FALSE(options.explain);
}

}  // namespace
}  // namespace finack::sinks
