#include "config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "config/sample_table.h"

namespace finack::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// A file that is gone after the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text) : path_(testing::TempDir() + "finack_XXXXXX") {
    const int fd = mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    std::FILE* file = fdopen(fd, "w");
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
    std::fclose(file);
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const char* path() const { return path_.c_str(); }

 private:
  std::string path_;
};

TEST(CommandLine, NothingGivenMeansDefaults) {
  SampleTable sample;
  const CommandLine line = sample.parse({});
  EXPECT_FALSE(line.exit_status);
  EXPECT_EQ(sample.values, Sample());
  EXPECT_TRUE(line.warnings.empty());
}

TEST(CommandLine, EveryForm) {
  SampleTable sample;
  const CommandLine line =
      sample.parse({"--timeout-head", "3s", "--max-body-bytes=1MiB", "--no-keep-alive-header",
                    "--redact-query", "--color", "off", "--listen", "[::1]:1", "--listen=a:2,b:3",
                    "--name=", "--title", "-", "--min-rate", "5", "--backlog", "1"});
  ASSERT_FALSE(line.exit_status) << line.errors;
  EXPECT_EQ(sample.values.head, 3s);
  EXPECT_EQ(sample.values.body, 1U << 20);
  EXPECT_FALSE(sample.values.header);
  EXPECT_TRUE(sample.values.redact);
  EXPECT_EQ(sample.values.color, Color::off);
  EXPECT_THAT(sample.values.listen, ElementsAre("[::1]:1", "a:2", "b:3"));
  EXPECT_EQ(sample.values.name, "");
  EXPECT_EQ(sample.values.title, "-");
  EXPECT_EQ(sample.values.rate, 5U);
  EXPECT_EQ(sample.values.backlog, 1);
}

TEST(CommandLine, FlagValuesAndRepetition) {
  SampleTable sample;
  ASSERT_FALSE(sample
                   .parse({"--keep-alive-header=false", "--redact-query", "--no-redact-query",
                           "--timeout-head=1s", "--timeout-head=2s"})
                   .exit_status);
  EXPECT_FALSE(sample.values.header);
  EXPECT_FALSE(sample.values.redact);
  EXPECT_EQ(sample.values.head, 2s);
}

TEST(CommandLine, Mistakes) {
  const std::pair<std::vector<const char*>, std::string_view> cases[] = {
      {{"--timeout-haed", "3s"}, "--timeout-haed: no such flag; did you mean --timeout-head?\n"},
      {{"--no-redact-qery"}, "--no-redact-qery: no such flag; did you mean --no-redact-query?\n"},
      {{"-x"}, "-x: no such flag\n"},
      {{"--timeout-head"}, "--timeout-head: its value is missing (--name value)\n"},
      {{"--timeout-head="}, "--timeout-head: '' is no duration"},
      {{"--timeout-head", "x", "--workers", "99"}, "--timeout-head: 'x' is no duration"},
      {{"--redact-query=perhaps"}, "--redact-query: 'perhaps' is neither true nor false\n"},
      {{"stray"}, "stray: unexpected: every setting is given by a flag (--name value)\n"},
      {{"--redact-query", "false"}, "false: unexpected: every setting is given by a flag"},
      {{"--listen", "a:1", "--listen", "b"}, "--listen: b lacks a port: write host:port\n"},
      {{"--config", "/nonexistent"}, "/nonexistent: cannot be read: No such file or directory\n"},
      {{"--print-config", "--workers", "x"}, "--workers: 'x' is no number"},
      {{"--listen", "[1]"}, "--listen: [1] lacks a port"},
  };
  for (const auto& [arguments, error] : cases) {
    SampleTable sample;
    const CommandLine line = sample.parse(arguments);
    EXPECT_EQ(line.exit_status, 2) << error;
    EXPECT_THAT(line.errors, StartsWith(std::string(error)));
    EXPECT_EQ(line.output, "");
    EXPECT_EQ(sample.values, Sample()) << "nothing may be applied";
  }
}

TEST(CommandLine, ReportsEveryMistakeOfEverySource) {
  const TemporaryFile file("workers: 99\nname: n\n");
  SampleTable sample;
  const CommandLine line =
      sample.parse({"--color", "blue", "--config", file.path(), "--strange"}, {"FINACK_BACKLOG=x"});
  EXPECT_THAT(line.errors, HasSubstr("--strange: no such flag"));
  EXPECT_THAT(line.errors, HasSubstr("--color: 'blue' is not allowed"));
  EXPECT_THAT(line.errors, HasSubstr("FINACK_BACKLOG: 'x' is no number"));
  EXPECT_THAT(line.errors, HasSubstr(std::string(file.path()) + ":1:10: workers: 99 is out"));
  EXPECT_EQ(sample.values, Sample());
}

TEST(CommandLine, Precedence) {
  const TemporaryFile file(
      "timeouts: {head: 1s, idle: 1s}\nname: file\nworkers: 1\nlisten: [f:1]\n");
  SampleTable sample;
  const std::string variable = std::string("FINACK_CONFIG=") + file.path();
  const CommandLine line = sample.parse(
      {"--timeout-head", "3s", "--listen", "l:3"},
      {variable, "FINACK_TIMEOUT_HEAD=2s", "FINACK_TIMEOUT_IDLE=2s", "FINACK_NAME=", "OTHER=1"});
  ASSERT_FALSE(line.exit_status) << line.errors;
  EXPECT_EQ(sample.values.head, 3s);
  EXPECT_EQ(sample.values.idle, 2s);
  EXPECT_EQ(sample.values.name, "") << "an empty variable is a value";
  EXPECT_EQ(sample.values.workers, 1U);
  EXPECT_THAT(sample.values.listen, ElementsAre("l:3"));
  const auto origin = [&](std::string_view name) {
    return origin_text(line.resolved.at(*sample.table.by_name(name)));
  };
  EXPECT_EQ(origin("timeout-head"), "from --timeout-head");
  EXPECT_EQ(origin("timeout-idle"), "from FINACK_TIMEOUT_IDLE");
  EXPECT_EQ(origin("workers"), std::string("from ") + file.path() + ":3:1");
  EXPECT_EQ(origin("backlog"), "default");
}

TEST(CommandLine, WarnsOfDangerousZerosAndNearlyNamedVariables) {
  SampleTable sample;
  const CommandLine line =
      sample.parse({"--timeout-head", "0"}, {"FINACK_TIMEOUT_HAED=1s", "FINACK_UNRELATED_THING=1"});
  EXPECT_THAT(line.warnings,
              ElementsAre("FINACK_TIMEOUT_HAED names no setting; did you mean FINACK_TIMEOUT_HEAD?",
                          "timeouts.head is 0 (from --timeout-head): slow clients"));
}

TEST(CommandLine, OperandsWhereTheCommandTakesThem) {
  SampleTable sample;
  const CommandLine line = sample.parse({"one", "--workers", "2", "--", "--two"}, {}, "FILE...");
  ASSERT_FALSE(line.exit_status) << line.errors;
  EXPECT_THAT(line.operands, ElementsAre("one", "--two"));
  EXPECT_EQ(sample.values.workers, 2U);
}

TEST(CommandLine, Help) {
  SampleTable sample;
  for (const char* flag : {"--help", "-h"}) {
    const CommandLine line = sample.parse({flag, "--strange"});
    EXPECT_EQ(line.exit_status, 0);
    EXPECT_THAT(line.output, StartsWith("Usage: finack demo [options]\n\nRuns a sample.\n"));
    EXPECT_THAT(line.output, HasSubstr("  --timeout-head DURATION\n      time for a head\n"
                                       "      default 10s; 1ms to 24h; 0: no limit\n"));
    EXPECT_THAT(line.output, HasSubstr("  --[no-]redact-query\n"));
    EXPECT_THAT(line.output, HasSubstr("default red; one of red, green or off\n"));
  }
}

TEST(PrintConfig, SaysOrigins) {
  SampleTable sample;
  const CommandLine line = sample.parse({"--print-config", "--timeout-head", "3s"});
  EXPECT_EQ(line.exit_status, 0);
  EXPECT_THAT(line.output, StartsWith("timeouts:\n"
                                      "  head: 3s                           # from --timeout-head\n"
                                      "  idle: 0                            # default\n"));
  EXPECT_EQ(sample.values, Sample()) << "printing applies nothing";
}

TEST(PrintConfig, ReadsBackToTheSameSettings) {
  const std::vector<const char*> lines[] = {
      {},
      {"--timeout-head",
       "1h30m",
       "--timeout-idle",
       "7ms",
       "--max-body-bytes",
       "300",
       "--ring-bytes",
       "4KiB",
       "--min-rate",
       "3kB/s",
       "--workers",
       "64",
       "--backlog",
       "1",
       "--no-keep-alive-header",
       "--redact-query",
       "--color",
       "off",
       "--name",
       "say \"hi\" \\ # no: comment 中 'q'",
       "--title",
       "true",
       "--listen",
       "[::1]:1",
       "--listen",
       "unix:/a b"},
      {"--name", "~", "--title", "0x10"},
      {"--name", "- *a &b !c %d @e `f", "--title", "null"},
  };
  for (std::vector<const char*> arguments : lines) {
    SampleTable wanted;
    ASSERT_FALSE(wanted.parse(arguments).exit_status);
    arguments.push_back("--print-config");
    SampleTable printed;
    const std::string yaml = printed.parse(arguments).output;

    const TemporaryFile file(yaml);
    SampleTable again;
    const CommandLine line = again.parse({"--config", file.path()});
    ASSERT_FALSE(line.exit_status) << line.errors << yaml;
    again.values.config.clear();
    EXPECT_EQ(again.values, wanted.values) << yaml;
  }
}

}  // namespace
}  // namespace finack::config
