#include "config/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace finack::config {
namespace {

using namespace std::chrono_literals;

TEST(Duration, Parses) {
  const std::pair<std::string_view, Nanos> cases[] = {{"0", 0s},
                                                      {"75", 75s},
                                                      {"10s", 10s},
                                                      {"250ms", 250ms},
                                                      {"1h30m", 90min},
                                                      {"2d", 48h},
                                                      {"1d2h3m4s", 93784s},
                                                      {"5us", 5us},
                                                      {"7ns", 7ns},
                                                      {"0s", 0s},
                                                      {"1m30s", 90s},
                                                      {"1s500ms", 1500ms},
                                                      {"90m", 90min},
                                                      {"010s", 10s},
                                                      {"292y", -1ns},
                                                      {"", -1ns},
                                                      {"s", -1ns},
                                                      {"10 s", -1ns},
                                                      {" 10s", -1ns},
                                                      {"10S", -1ns},
                                                      {"-1s", -1ns},
                                                      {"+1s", -1ns},
                                                      {"1.5s", -1ns},
                                                      {"30m1h", -1ns},
                                                      {"1s1s", -1ns},
                                                      {"10s5", -1ns},
                                                      {"1e3", -1ns},
                                                      {"10sec", -1ns},
                                                      {"0x10", -1ns},
                                                      {"106752d", -1ns},
                                                      {"9223372037", -1ns},
                                                      {"99999999999999999999s", -1ns},
                                                      {"106751d", 106751 * 24h}};
  for (const auto& [text, expected] : cases) {
    const auto parsed = parse_duration(text);
    EXPECT_EQ(parsed.value_or(-1ns), expected) << text;
  }
}

TEST(Duration, FormatsInOneUnit) {
  const std::pair<Nanos, std::string_view> cases[] = {
      {0s, "0"},          {75s, "75s"},       {60s, "60s"}, {120s, "2m"},  {90min, "90m"},
      {1h, "1h"},         {24h, "24h"},       {48h, "2d"},  {720h, "30d"}, {1ms, "1ms"},
      {1500ms, "1500ms"}, {1001us, "1001us"}, {7ns, "7ns"}};
  for (const auto& [duration, text] : cases) {
    EXPECT_EQ(format_duration(duration), text);
    EXPECT_EQ(parse_duration(text), duration) << text;
  }
}

TEST(Bytes, Parses) {
  constexpr std::uint64_t kBad = 42;
  const std::pair<std::string_view, std::uint64_t> cases[] = {{"0", 0},
                                                              {"512", 512},
                                                              {"512B", 512},
                                                              {"32KiB", 32768},
                                                              {"32kB", 32000},
                                                              {"10MiB", 10 << 20},
                                                              {"10MB", 10'000'000},
                                                              {"1GiB", 1 << 30},
                                                              {"1TiB", 1ULL << 40},
                                                              {"2TB", 2'000'000'000'000},
                                                              {"1k", kBad},
                                                              {"1K", kBad},
                                                              {"1KB", kBad},
                                                              {"1kb", kBad},
                                                              {"1kib", kBad},
                                                              {"", kBad},
                                                              {"KiB", kBad},
                                                              {"1.5MiB", kBad},
                                                              {"-1", kBad},
                                                              {"1 KiB", kBad},
                                                              {"16777216TiB", kBad},
                                                              {"99999999999999999999", kBad}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(parse_bytes(text).value_or(kBad), expected) << text;
  }
}

TEST(Bytes, FormatsExactly) {
  const std::pair<std::uint64_t, std::string_view> cases[] = {
      {0, "0"}, {1, "1B"}, {1000, "1000B"}, {1024, "1KiB"}, {1536, "1536B"}, {10 << 20, "10MiB"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(format_bytes(bytes), text);
    EXPECT_EQ(parse_bytes(text), bytes) << text;
  }
}

TEST(Rate, TakesTheSuffixOrNot) {
  EXPECT_EQ(parse_rate("10KiB/s"), 10240U);
  EXPECT_EQ(parse_rate("100"), 100U);
  EXPECT_EQ(parse_rate("100/s"), 100U);
  EXPECT_EQ(parse_rate("/s"), std::nullopt);
  EXPECT_EQ(parse_rate("10KiB/m"), std::nullopt);
  EXPECT_EQ(format_rate(10240), "10KiB/s");
  EXPECT_EQ(format_rate(0), "0");
}

TEST(Count, DigitsOnly) {
  EXPECT_EQ(parse_count("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const std::string_view bad : {"18446744073709551616", "", "-1", "1 ", "0x1", "1k"}) {
    EXPECT_EQ(parse_count(bad), std::nullopt) << bad;
  }
}

TEST(Bool, EightWords) {
  for (const std::string_view yes : {"true", "yes", "on", "1"}) EXPECT_EQ(parse_bool(yes), true);
  for (const std::string_view no : {"false", "no", "off", "0"}) EXPECT_EQ(parse_bool(no), false);
  for (const std::string_view bad : {"", "True", "y", "2"})
    EXPECT_EQ(parse_bool(bad), std::nullopt);
}

TEST(Utf8, PrintableOnly) {
  for (const std::string_view good :
       {"", "plain", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80"}) {
    EXPECT_TRUE(is_printable_utf8(good)) << good;
  }
  for (const std::string_view bad :
       {"a\nb", "a\tb", "\x7F", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
        "\x80", "\xC3", "\xE4\xB8", "\xC2\x85", "\xEF\xBB\xBF", "\xFF"}) {
    EXPECT_FALSE(is_printable_utf8(bad)) << testing::PrintToString(bad);
  }
}

}  // namespace
}  // namespace finack::config
