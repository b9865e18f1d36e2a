#include "sinks/text.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "sinks/samples.h"

namespace finack::sinks {
namespace {

template <class Append, class... Args>
std::string appended(Append append, Args&&... args) {
  std::string out;
  append(out, std::forward<Args>(args)...);
  return out;
}

TEST(Text, TimesAreRfc3339InUtcWithMicroseconds) {
  const auto at = [](std::int64_t ns) { return appended(append_rfc3339, WallTime(Nanos(ns))); };
  EXPECT_EQ(appended(append_rfc3339, test::kNoon), "2026-01-31T08:15:02.123456Z");
  EXPECT_EQ(at(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(at(999), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(at(1'000), "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(at(-1'000), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(at(951'782'399'999'999'000), "2000-02-28T23:59:59.999999Z");
  EXPECT_EQ(at(951'782'400'000'000'000), "2000-02-29T00:00:00.000000Z");
}

TEST(Text, TimeOfDayHasMilliseconds) {
  EXPECT_EQ(appended(append_time_of_day, test::kNoon, true), "08:15:02.123");
}

TEST(Text, JsonStringsAreEscaped) {
  struct Case {
    std::string_view in;
    std::string_view out;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"", R"("")"},
      {"/ping", R"("/ping")"},
      {"a\"b\\c", R"("a\"b\\c")"},
      {"\n\r\t\x01\x1f"sv, R"("\u000a\u000d\u0009\u0001\u001f")"},
      {"a\0b"sv, R"("a\u0000b")"},
      {"\x7f", R"("\u007f")"},
      {"/caf\xc3\xa9", "\"/caf\xc3\xa9\""},
      {"\xe4\xb8\xad\xf0\x9f\x90\x9f", "\"\xe4\xb8\xad\xf0\x9f\x90\x9f\""},
      {"\xff", R"("\u00ff")"},
      {"a\xc3", R"("a\u00c3")"},                              // cut sequence
      {"\xc0\xaf", R"("\u00c0\u00af")"},                      // overlong '/'
      {"\xe0\x80\xaf", R"("\u00e0\u0080\u00af")"},            // overlong
      {"\xed\xa0\x80", R"("\u00ed\u00a0\u0080")"},            // surrogate
      {"\xf4\x90\x80\x80", R"("\u00f4\u0090\u0080\u0080")"},  // over U+10FFFF
      {"\x80z", R"("\u0080z")"},
  };
  for (const Case& c : cases) EXPECT_EQ(appended(append_json_string, c.in), c.out);
}

TEST(Text, NothingFromPeersCommandsTheTerminal) {
  const auto safe = [](std::string_view text) { return appended(append_safe_text, text); };
  EXPECT_EQ(safe("/a\x1b[2J"), "/a\\x1b[2J");
  EXPECT_EQ(safe("x\ny\rz\x7f"), "x\\x0ay\\x0dz\\x7f");
  EXPECT_EQ(safe("\xc2\x9b"
                 "31m"),
            "\\x9b31m");  // C1 CSI
  EXPECT_EQ(safe("\xe2\x80\xae"
                 "abc"),
            "\\u{202e}abc");  // right-to-left override
  EXPECT_EQ(safe("\xff"), "\\xff");
  EXPECT_EQ(safe("/caf\xc3\xa9/\xe4\xb8\xad"), "/caf\xc3\xa9/\xe4\xb8\xad");
}

TEST(Text, SettingsPrintAsTheyAreConfigured) {
  const auto duration = [](Nanos d) {
    return appended(append_duration_setting, static_cast<std::uint64_t>(d.count()));
  };
  using namespace std::chrono_literals;
  EXPECT_EQ(duration(10s), "10s");
  EXPECT_EQ(duration(75s), "75s");
  EXPECT_EQ(duration(2h), "2h");
  EXPECT_EQ(duration(1500ms), "1500ms");
  EXPECT_EQ(duration(0s), "0s");
  EXPECT_EQ(duration(7us), "7us");

  record::Evidence e;
  e.setting = "timeout-head";
  e.setting_value = 10'000'000'000;
  EXPECT_EQ(appended(append_setting, e), "timeout-head = 10s");
  e.setting = "timeouts.head";
  e.setting_of = "listeners[0].";
  EXPECT_EQ(appended(append_setting, e), "listeners[0].timeouts.head = 10s");
  e.setting = "health.active.timeout";
  e.setting_of = "clusters.api.";
  EXPECT_EQ(appended(append_setting, e), "clusters.api.health.active.timeout = 10s");
  e.setting_of = nullptr;
  e.setting = "max-body-bytes";
  e.setting_value = 1024;
  EXPECT_EQ(appended(append_setting, e), "max-body-bytes = 1024");
  e.setting_value = record::kUnknownCount;
  EXPECT_EQ(appended(append_setting, e), "max-body-bytes");
}

TEST(Text, DurationsForPeople) {
  using namespace std::chrono_literals;
  const auto text = [](Nanos d) { return appended(append_duration, d); };
  EXPECT_EQ(text(0ns), "0 µs");
  EXPECT_EQ(text(-5ms), "0 µs");
  EXPECT_EQ(text(850us), "850 µs");
  EXPECT_EQ(text(12'340us), "12.3 ms");
  EXPECT_EQ(text(340ms), "340 ms");
  EXPECT_EQ(text(1234ms), "1.2 s");
  EXPECT_EQ(text(125s), "2 min 5 s");
  EXPECT_EQ(text(3h + 5min), "3 h 5 min");
}

TEST(Text, NumbersErrorsAndQueries) {
  EXPECT_EQ(appended(append_grouped, 0u), "0");
  EXPECT_EQ(appended(append_grouped, 999u), "999");
  EXPECT_EQ(appended(append_grouped, 12'340u), "12 340");
  EXPECT_EQ(appended(append_grouped, 1'234'567u), "1 234 567");
  EXPECT_EQ(appended(append_errno, ECONNRESET), "ECONNRESET");
  EXPECT_EQ(appended(append_errno, 9999), "errno 9999");
  std::string storage;
  EXPECT_EQ(redacted("/a?token=1", storage), "/a?…redacted");
  EXPECT_EQ(redacted("/a", storage), "/a");
  EXPECT_EQ(redacted("?", storage), "?…redacted");
}

}  // namespace
}  // namespace finack::sinks
