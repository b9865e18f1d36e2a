#pragma once
#include <string>
#include <vector>

#include "config/command_line.h"
#include "config/option_table.h"

namespace finack::config {

enum class Color { red, green, off };

/// A row of every type.
struct Sample {
  Nanos head = std::chrono::seconds(10);
  Nanos idle{0};
  std::uint64_t body = 10 << 20;
  std::size_t ring = 1 << 20;
  std::uint64_t rate = 0;
  std::uint32_t workers = 0;
  int backlog = 4096;
  bool header = true;
  bool redact = false;
  Color color = Color::red;
  std::string name;
  std::string title = "a title";
  std::vector<std::string> listen = {"127.0.0.1:8080"};
  std::string config;

  friend bool operator==(const Sample&, const Sample&) = default;
};

inline void sample_rows(OptionTable& table, Sample& s) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  table.group("Timeouts", "One setting for each wait.");
  table.duration({"timeout-head", "timeouts.head", "time for a head", "no limit", "slow clients"},
                 s.head, milliseconds(1), hours(24));
  table.duration({"timeout-idle", "timeouts.idle", "time between requests", "no limit"}, s.idle,
                 milliseconds(1), hours(720));
  table.group("Limits", "");
  table.bytes({"max-body-bytes", "limits.body_bytes", "longest body"}, s.body, 256, 1ULL << 30);
  table.bytes({"ring-bytes", "limits.ring_bytes", "size of the ring"}, s.ring, 4096, 1ULL << 30,
              Step::power_of_two);
  table.rate({"min-rate", "limits.min_rate", "least rate", "none"}, s.rate, 1, 1ULL << 30);
  table.group("Process", "");
  table.count({"workers", "workers", "threads", "one per core"}, s.workers, 1, 64);
  table.count({"backlog", "backlog", "waiting connections"}, s.backlog, 1, 65'536);
  table.flag({"keep-alive-header", "keep_alive_header", "send it"}, s.header);
  table.flag({"redact-query", "records.redact_query", "leave it out"}, s.redact);
  table.word({"color", "console.color", "the colour | shade"}, s.color,
             {{"red", Color::red}, {"green", Color::green}, {"off", Color::off}});
  table.text({"name", "name", "a name", "none"}, s.name);
  table.text({"title", "title", "a title that is needed"}, s.title);
  table.list({"listen", "listen", "addresses"}, s.listen, "host:port",
             [](std::string_view text) -> std::expected<void, std::string> {
               if (text.find(':') != std::string_view::npos) return {};
               return std::unexpected(std::string(text) + " lacks a port: write host:port");
             });
  table.text({"config", "", "the file", "none"}, s.config);
}

/// A table bound to a Sample of its own.
struct SampleTable {
  Sample values;
  OptionTable table;
  SampleTable() { sample_rows(table, values); }

  CommandLine parse(std::vector<const char*> arguments, const Environment& environment = {},
                    std::string_view operand = {}) {
    arguments.insert(arguments.begin(), "demo");
    return config::parse(static_cast<int>(arguments.size()), arguments.data(), table,
                         {"finack demo", "Runs a sample.", operand}, environment);
  }
};

}  // namespace finack::config
