#include "config/value_text.h"

#include <gtest/gtest.h>

#include "config/sample_table.h"

namespace finack::config {
namespace {

TEST(ParseValue, ErrorsSayWhatIsAllowed) {
  struct Case {
    std::string_view option, text, error;
  };
  const Case cases[] = {
      {"timeout-head", "10 parsecs",
       "'10 parsecs' is no duration: write 10s, 250ms, 1h30m, or a plain number of seconds"},
      {"timeout-head", "48h", "2d is out of bounds: allowed is 1ms to 24h, or 0 (no limit)"},
      {"timeout-head", "1us", "1us is out of bounds: allowed is 1ms to 24h, or 0 (no limit)"},
      {"max-body-bytes", "1k",
       "'1k' is no size: write 32KiB or 10MiB (1024), 32kB (1000), or a plain number of bytes"},
      {"max-body-bytes", "0", "0 is out of bounds: allowed is 256B to 1GiB"},
      {"ring-bytes", "5000", "5000B is no power of two: the nearest are 4KiB and 8KiB"},
      {"min-rate", "fast",
       "'fast' is no rate: write 10KiB/s (1024), 10kB/s (1000), or a plain number of bytes a "
       "second"},
      {"workers", "65", "65 is out of bounds: allowed is 1 to 64, or 0 (one per core)"},
      {"backlog", "many", "'many' is no number: write a whole number"},
      {"backlog", "-1", "'-1' is no number: write a whole number"},
      {"keep-alive-header", "maybe", "'maybe' is neither true nor false"},
      {"color", "gren", "'gren' is not allowed: write red, green or off; did you mean green?"},
      {"color", "", "'' is not allowed: write red, green or off"},
      {"title", "", "it must not be empty"},
      {"name", "a\nb", "'a?b' is not UTF-8 text without control characters"},
      {"listen", "", "it needs at least one item"},
      {"listen", "a:1,", "an item of the list is empty"},
      {"listen", ",a:1", "an item of the list is empty"},
      {"listen", "a:1,b", "b lacks a port: write host:port"},
  };
  const SampleTable sample;
  for (const Case& c : cases) {
    const auto value = parse_value(*sample.table.by_name(c.option), c.text);
    ASSERT_FALSE(value) << c.option << " " << c.text;
    EXPECT_EQ(value.error(), c.error);
  }
}

TEST(ParseValue, EveryGoodTextFormatsBack) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"timeout-head", "0"},
                                                                 {"timeout-head", "1ms"},
                                                                 {"timeout-head", "24h"},
                                                                 {"max-body-bytes", "256B"},
                                                                 {"max-body-bytes", "1GiB"},
                                                                 {"ring-bytes", "4KiB"},
                                                                 {"min-rate", "3B/s"},
                                                                 {"workers", "0"},
                                                                 {"workers", "64"},
                                                                 {"backlog", "1"},
                                                                 {"keep-alive-header", "false"},
                                                                 {"color", "off"},
                                                                 {"name", ""},
                                                                 {"name", "x \"y\" \\ #z: 中"},
                                                                 {"listen", "a:1,[::1]:2"}};
  const SampleTable sample;
  for (const auto& [name, text] : cases) {
    const Option& option = *sample.table.by_name(name);
    const auto value = parse_value(option, text);
    ASSERT_TRUE(value) << name << " " << text << ": " << value.error();
    EXPECT_EQ(format_value(option, *value), text);
  }
}

TEST(OptionTable, DefaultsComeFromTheFields) {
  const SampleTable sample;
  EXPECT_EQ(std::get<Nanos>(sample.table.by_name("timeout-head")->fallback),
            std::chrono::seconds(10));
  EXPECT_EQ(std::get<std::string>(sample.table.by_name("color")->fallback), "red");
  EXPECT_EQ(sample.table.by_name("timeout-head")->environment, "FINACK_TIMEOUT_HEAD");
  EXPECT_EQ(sample.table.by_environment("FINACK_WORKERS"), sample.table.by_path("workers"));
  EXPECT_EQ(sample.table.by_path(""), nullptr);
}

}  // namespace
}  // namespace finack::config
