#include "app/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "app/process_options.h"
#include "config/address_text.h"
#include "config/command_line.h"
#include "config/reference.h"
#include "config/value_text.h"
#include "config/yaml_reader.h"

namespace finack::app {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Everything {
  server::Settings settings;
  ProcessOptions process;
  config::OptionTable table;

  Everything() {
    process_rows(table, process);
    server_rows(table, settings);
  }
  config::CommandLine parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "demo");
    return config::parse(static_cast<int>(arguments.size()), arguments.data(), table,
                         {"finack demo", "The demo."}, {});
  }
};

TEST(ServerOptions, EveryFlag) {
  Everything all;
  for (const char* name : {"timeout-first-byte",
                           "timeout-head",
                           "min-rate",
                           "timeout-body-idle",
                           "timeout-body-total",
                           "timeout-handler",
                           "timeout-handler-stall",
                           "timeout-response-stall",
                           "timeout-response-total",
                           "timeout-flush",
                           "timeout-idle",
                           "idle-margin",
                           "timeout-lifetime",
                           "timeout-drain",
                           "drain-delay",
                           "linger",
                           "client-half-close",
                           "tcp-keepalive",
                           "tcp-user-timeout",
                           "max-requests-per-connection",
                           "max-connections",
                           "max-connections-per-address",
                           "max-head-bytes",
                           "max-headers",
                           "max-target-bytes",
                           "max-body-bytes",
                           "max-trailer-bytes",
                           "write-buffer-bytes",
                           "read-buffer-bytes",
                           "loop-blocked",
                           "backlog",
                           "keep-alive-header",
                           "server-header"}) {
    EXPECT_NE(all.table.by_name(name), nullptr) << name;
  }
}

/// Every row must write its own field: two rows bound to one field, or a row bound to none, show as
/// a value that does not come back.
TEST(ServerOptions, EveryRowWritesAFieldOfItsOwn) {
  const auto other_than_default = [](const config::Option& option) -> std::string {
    switch (option.type) {
      case config::OptionType::flag:
        return std::get<bool>(option.fallback) ? "false" : "true";
      case config::OptionType::word:
        return option.words.back();
      case config::OptionType::text:
        return option.name == "record-requests" ? "1/7" : "127.0.0.1:7";
      case config::OptionType::list:
        return "127.0.0.1:7";
      case config::OptionType::duration:
        return config::format_value(option, Nanos(static_cast<Nanos::rep>(option.high)));
      default:
        return config::format_value(option, option.high);
    }
  };
  const Everything defaults;
  for (const config::Option& row : defaults.table.options()) {
    if (row.name == "config") continue;
    Everything all;
    const std::string flag = "--" + row.name + "=" + other_than_default(row);
    const auto line = all.parse({flag.c_str()});
    ASSERT_FALSE(line.exit_status) << line.errors;
    // What the fields hold now becomes the defaults of a second table.
    config::OptionTable seen;
    process_rows(seen, all.process);
    server_rows(seen, all.settings);
    for (const config::Option& option : defaults.table.options()) {
      const bool changed = seen.by_name(option.name)->fallback != option.fallback;
      EXPECT_EQ(changed, option.name == row.name) << flag << " and " << option.name;
    }
  }
}

TEST(ServerOptions, FieldsByHand) {
  Everything all;
  ASSERT_FALSE(all.parse({"--timeout-head", "3s", "--idle-margin", "250ms", "--max-head-bytes",
                          "16KiB", "--client-half-close", "tolerate", "--backlog", "7",
                          "--server-header", "finack", "--min-rate", "1KiB/s", "--linger", "0"})
                   .exit_status);
  EXPECT_EQ(all.settings.timeouts.head, 3s);
  EXPECT_EQ(all.settings.timeouts.idle_margin, 250ms);
  EXPECT_EQ(all.settings.timeouts.linger, 0s);
  EXPECT_EQ(all.settings.limits.head_bytes, 16U * 1024);
  EXPECT_EQ(all.settings.limits.min_rate, 1024U);
  EXPECT_EQ(all.settings.client_half_close, server::HalfClose::tolerate);
  EXPECT_EQ(all.settings.backlog, 7);
  EXPECT_EQ(all.settings.server_header, "finack");
  EXPECT_EQ(all.settings.timeouts.idle, server::Timeouts().idle);
}

/// What docs/endings.md and the README promise to who sets nothing; written by hand.
TEST(ServerOptions, DefaultsByHand) {
  const std::pair<const char*, const char*> expected[] = {
      {"timeout-first-byte", "10s"},
      {"timeout-head", "10s"},
      {"min-rate", "0"},
      {"timeout-body-idle", "30s"},
      {"timeout-body-total", "0"},
      {"timeout-handler", "0"},
      {"timeout-handler-stall", "60s"},
      {"timeout-response-stall", "30s"},
      {"timeout-response-total", "0"},
      {"timeout-flush", "10s"},
      {"timeout-idle", "75s"},
      {"idle-margin", "1s"},
      {"timeout-lifetime", "0"},
      {"timeout-drain", "30s"},
      {"drain-delay", "0"},
      {"linger", "5s"},
      {"client-half-close", "probe"},
      {"tcp-user-timeout", "0"},
      {"max-head-bytes", "32KiB"},
      {"max-headers", "128"},
      {"max-target-bytes", "8KiB"},
      {"max-body-bytes", "10MiB"},
      {"max-trailer-bytes", "8KiB"},
      {"max-requests-per-connection", "0"},
      {"max-connections-per-address", "0"},
      {"keep-alive-header", "true"},
  };
  const Everything all;
  for (const auto& [name, text] : expected) {
    const config::Option* row = all.table.by_name(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(config::format_value(*row, row->fallback), text) << name;
  }
  const server::Settings settings;
  EXPECT_EQ(settings.timeouts.first_byte, 10s);
  EXPECT_EQ(settings.timeouts.head, 10s);
  EXPECT_EQ(settings.timeouts.idle, 75s);
  EXPECT_EQ(settings.limits.head_bytes, 32U * 1024);
  EXPECT_EQ(settings.limits.headers, 128U);
  EXPECT_EQ(settings.limits.body_bytes, 10U * 1024 * 1024);
}

TEST(ServerOptions, WarnsWhereZeroIsDangerous) {
  for (const char* flag :
       {"timeout-first-byte", "timeout-head", "timeout-body-idle", "timeout-handler-stall",
        "timeout-response-stall", "timeout-flush", "timeout-idle", "timeout-drain", "linger",
        "max-connections", "tcp-keepalive"}) {
    Everything all;
    const std::string argument = std::string("--") + flag + "=0";
    const auto line = all.parse({argument.c_str()});
    ASSERT_FALSE(line.exit_status) << line.errors;
    EXPECT_THAT(line.warnings, Contains(HasSubstr("(from --" + std::string(flag) + ")"))) << flag;
  }
  Everything all;
  EXPECT_TRUE(all.parse({}).warnings.empty()) << "the defaults are not dangerous";
}

TEST(ServerOptions, Bounds) {
  const std::pair<const char*, const char*> cases[] = {
      {"--max-head-bytes=255", "255B is out of bounds: allowed is 256B to 1MiB"},
      {"--max-head-bytes=2MiB", "2MiB is out of bounds: allowed is 256B to 1MiB"},
      {"--timeout-head=25h", "25h is out of bounds: allowed is 1ms to 24h, or 0 (no limit)"},
      {"--timeout-lifetime=25d", "25d is out of bounds: allowed is 1ms to 24d, or 0 (no limit)"},
      {"--backlog=0", "0 is out of bounds: allowed is 1 to 1000000"},
      {"--client-half-close=cancle",
       "'cancle' is not allowed: write probe, cancel or tolerate; did you mean cancel?"},
      {"--server-header=a\rb", "is not UTF-8 text without control characters"},
      {"--server-header=caf\xC3\xA9", "only visible ASCII may stand in a header"},
      {"--record-ring-bytes=100000", "is no power of two: the nearest are 64KiB and 128KiB"},
      {"--record-requests=1/0", "write abnormal, all or 1/N"},
      {"--log-level=warn", "did you mean warning?"},
  };
  for (const auto& [argument, error] : cases) {
    Everything all;
    const auto line = all.parse({argument});
    EXPECT_EQ(line.exit_status, 2) << argument;
    EXPECT_THAT(line.errors, HasSubstr(error));
  }
}

TEST(ServerOptions, EveryRowIsDocumentedOnOneLine) {
  const Everything all;
  std::set<std::string> docs;
  for (const config::Option& option : all.table.options()) {
    EXPECT_FALSE(option.doc.empty()) << option.name;
    EXPECT_THAT(option.doc + option.zero + option.danger, Not(HasSubstr("\n"))) << option.name;
    EXPECT_TRUE(docs.insert(option.doc).second) << option.name << " repeats another row's line";
    EXPECT_TRUE(option.danger.empty() || !option.zero.empty()) << option.name;
  }
}

TEST(ServerOptions, PrintedConfigurationReadsBack) {
  Everything all;
  const auto printed = all.parse({"--print-config", "--timeout-head=3s", "--console=off",
                                  "--record-requests=1/10", "--listen=unix:/a,:80", "--admin="});
  ASSERT_EQ(printed.exit_status, 0) << printed.errors;
  const auto content = config::read_yaml(all.table, printed.output, "printed");
  EXPECT_TRUE(content.problems.empty()) << config::to_string(content.problems) << printed.output;
  config::Resolved again(all.table);
  again.take(content.assignments, config::Origin::file);
  for (const config::Option& option : all.table.options()) {
    EXPECT_EQ(again.at(option).value, printed.resolved.at(option).value) << option.name;
  }
  again.apply();
  EXPECT_EQ(all.process.record_every, 10U);
  EXPECT_EQ(all.process.console, Console::off);
  EXPECT_EQ(all.process.admin, "");
  EXPECT_THAT(all.process.listen, ElementsAre("unix:/a", ":80"));
}

TEST(ProcessOptions, ListenForms) {
  for (const char* good :
       {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "[::]:65535", ":8080", "localhost:8080",
        "*:8080", "unix:/run/x.sock", "fd:3", "systemd", "systemd:0", "systemd:1"}) {
    EXPECT_TRUE(config::check_listen(good)) << good;
  }
  const std::string long_path = "unix:/" + std::string(107, 'a');
  for (const char* bad :
       {"127.0.0.1",       "127.0.0.1:",   "127.0.0.1:65536", "127.0.0.1:x", "::1:8080",
        "[::1]",           "[]:80",        "localhost",       "*",           "example.org:80",
        "**:80",           "256.0.0.1:80", "unix:",           "fd:",         "fd:x",
        "fd:2147483648",   "systemd:",     "systemd:x",       "systemd:-1",  "systemd1",
        long_path.c_str(), "127.0.0.1:-1", "[127.0.0.1]:80"}) {
    const auto refused = config::check_listen(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_THAT(refused.error(), HasSubstr(bad));
  }
}

TEST(ProcessOptions, RecordRequests) {
  const std::pair<const char*, std::uint32_t> cases[] = {{"--record-requests=abnormal", 0},
                                                         {"--record-requests=all", 1},
                                                         {"--record-requests=1/1", 1},
                                                         {"--record-requests=1/100", 100}};
  for (const auto& [argument, every] : cases) {
    Everything all;
    ASSERT_FALSE(all.parse({argument}).exit_status) << argument;
    EXPECT_EQ(all.process.record_every, every) << argument;
  }
}

}  // namespace
}  // namespace finack::app
