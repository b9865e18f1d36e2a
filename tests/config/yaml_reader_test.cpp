#include "config/yaml_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "config/sample_table.h"

namespace finack::config {
namespace {

std::string problems_of(std::string_view text) {
  const SampleTable sample;
  return to_string(read_yaml(sample.table, text, "f.yaml").problems);
}

TEST(ReadYaml, Positions) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"timeouts:\n  haed: 3s\n", "f.yaml:2:3: unknown key 'timeouts.haed'; did you mean head?\n"},
      {"timeouts:\n  head:   48h\n",
       "f.yaml:2:11: timeouts.head: 2d is out of bounds: allowed is 1ms to 24h, or 0 (no limit)\n"},
      {"# a comment\n\ntimeouts: {head: 3s, head: 4s}\n",
       "f.yaml:3:22: 'timeouts.head' is set twice; keep one\n"},
      {"workers: 2\nbacklog: 3\nworkers: 4\n", "f.yaml:3:1: 'workers' is set twice; keep one\n"},
      {"workers: [1, 2]\n", "f.yaml:1:10: workers: one value is wanted here, not a list\n"},
      {"workers:\n  a: 1\n", "f.yaml:2:3: workers: one value is wanted here, not a map\n"},
      {"listen:\n  a: 1\n", "f.yaml:2:3: listen: one list is wanted here, not a map\n"},
      {"listen:\n  - a:1\n  - [b]\n", "f.yaml:3:5: listen: its items must be plain texts\n"},
      {"listen:\n  - here\n", "f.yaml:2:5: listen: here lacks a port: write host:port\n"},
      {"timeouts: 3s\n",
       "f.yaml:1:11: timeouts is a group: indent its keys below it (head, idle)\n"},
      {"workers:\n", "f.yaml:1:1: workers: the value is missing\n"},
      {"name:\n", "f.yaml:1:1: name: the value is missing; write \"\" for an empty text\n"},
      {"? [a]\n: 1\n", "f.yaml:1:3: a key must be a plain word\n"},
      {"head: 3s\n", "f.yaml:1:1: unknown key 'head'; did you mean 'timeouts: {head: ...}'?\n"},
      {"timeout-head: 3s\n",
       "f.yaml:1:1: unknown key 'timeout-head'; did you mean 'timeouts: {head: ...}'?\n"},
      {"timeouts.head: 3s\n",
       "f.yaml:1:1: unknown key 'timeouts.head'; did you mean 'timeouts: {head: ...}'?\n"},
      {"config: x\n", "f.yaml:1:1: unknown key 'config'\n"},
      {"- a\n", "f.yaml:1:1: a map of settings is wanted here (key: value)\n"},
      {"workers: 2\n---\nworkers: 3\n",
       "f.yaml:2:1: a second document, or a stray bracket or comma: a file holds one map\n"},
      {"console: {color: gren}\n",
       "f.yaml:1:18: console.color: 'gren' is not allowed: write red, green or off; did you mean "
       "green?\n"},
      {"name: \"a\\nb\"\n",
       "f.yaml:1:7: name: 'a?b' is not UTF-8 text without control characters\n"},
      {"timeouts:\n  head: 3s\n idle: 3s\n",
       "f.yaml:3:2: the YAML is broken: end of map not found\n"},
      {"name: *nowhere\n",
       "f.yaml:1:7: the YAML is broken: the referenced anchor is not defined\n"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(problems_of(text), error) << text;
}

TEST(ReadYaml, CollectsEveryProblemInTheFilesOrder) {
  EXPECT_EQ(problems_of("wrokers: 1\nbacklog: x\ntimeouts:\n  head: y\n"),
            "f.yaml:1:1: unknown key 'wrokers'; did you mean workers?\n"
            "f.yaml:2:10: backlog: 'x' is no number: write a whole number\n"
            "f.yaml:4:9: timeouts.head: 'y' is no duration: write 10s, 250ms, 1h30m, or a plain "
            "number of seconds\n");
  std::string many;
  for (int i = 0; i < 25; ++i) many += "strange" + std::to_string(i) + ": 1\n";
  const std::string shown = problems_of(many);
  EXPECT_EQ(std::ranges::count(shown, '\n'), 21);
  EXPECT_TRUE(shown.ends_with("... and 5 more\n")) << shown;
}

TEST(ReadYaml, GoodFiles) {
  for (const std::string_view text :
       {"", "\n# nothing\n", "---\n", "timeouts:\n", "timeouts: {}\n", "---\nworkers: 2\n...\n",
        "\xEF\xBB\xBFworkers: 2\n", "\"workers\": \"2\"\n", "listen: a:1\n",
        "timeouts: {head: &t 3s, idle: *t}\n", "name: ''\n"}) {
    EXPECT_EQ(problems_of(text), "") << text;
  }
}

TEST(ReadYaml, RecursionAndDepthEndWell) {
  EXPECT_EQ(problems_of("timeouts: &a {x: *a}\n"), "f.yaml:1:15: unknown key 'timeouts.x'\n");
  EXPECT_NE(problems_of(std::string(100'000, '[')).find("the YAML is broken"), std::string::npos);
  EXPECT_EQ(problems_of(std::string(2 << 20, '#')), "f.yaml:1:1: the file is larger than 1 MiB\n");
  EXPECT_EQ(problems_of(std::string_view("workers: 2\n\0rest", 16)),
            "f.yaml:1:1: the file holds a NUL byte: it is no text\n");
}

// yaml-cpp's LoadAll never returns from these.
TEST(ReadYaml, StrayBracketsAndCommas) {
  for (const std::string_view text : {",", "]", "}", ",workers: 2\n", "workers: 2\n]\n", ", ,"}) {
    EXPECT_NE(problems_of(text), "") << text;
  }
}

TEST(ReadYaml, FileThatCannotBeRead) {
  const SampleTable sample;
  EXPECT_EQ(to_string(read_yaml_file(sample.table, "/nonexistent/f.yaml").problems),
            "/nonexistent/f.yaml: cannot be read: No such file or directory\n");
  EXPECT_EQ(to_string(read_yaml_file(sample.table, "/").problems),
            "/: cannot be read: Is a directory\n");
  EXPECT_EQ(to_string(read_yaml_file(sample.table, "/dev/zero").problems),
            "/dev/zero:1:1: the file is larger than 1 MiB\n");
}

/// Random mutations of good files: whatever comes, the reader returns, its positions lie in the
/// text and every accepted value is within its bounds. Bounded by the clock and by a count.
TEST(ReadYaml, SurvivesRandomText) {
  const std::string_view seeds[] = {
      "timeouts:\n  head: 3s\n  idle: 1h30m\nlisten: [a:1, 'b:2']\n",
      "a: &x [1, *x]\n? k\n: v\n--- !!str |\n  text\n...\n%YAML 1.2\n",
      "name: \"\\u4e2d\\x41\"\nlimits: {body_bytes: 1MiB, min_rate: 5}\nworkers: 3\n"};
  constexpr std::string_view kSpice = "[]{}:,-?&*!|>'\"%@`#\n\t \\0azZ\xC3\xFF\x01~<=";
  const SampleTable sample;
  std::mt19937 random(20'240'501);
  const auto pick = [&](std::size_t below) { return random() % below; };
  const auto stop = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (int round = 0; round < 3'000 && std::chrono::steady_clock::now() < stop; ++round) {
    std::string text(seeds[pick(3)]);
    for (std::size_t edits = 1 + pick(8); edits > 0; --edits) {
      const std::size_t at = pick(text.size() + 1);
      switch (pick(4)) {
        case 0:
          text.insert(at, 1, kSpice[pick(kSpice.size())]);
          break;
        case 1:
          text.erase(at, pick(4));
          break;
        case 2:
          text.insert(at, std::string(seeds[pick(3)].substr(pick(20), pick(30))));
          break;
        default:
          text.insert(at, text.substr(pick(at + 1), pick(40)));
          break;
      }
    }
    const FileContent content = read_yaml(sample.table, text, "f");
    const auto lines = static_cast<long>(std::ranges::count(text, '\n')) + 1;
    for (const Problem& problem : content.problems) {
      const long line = std::stol(problem.where.substr(2));
      ASSERT_TRUE(line >= 1 && line <= lines + 1) << problem.where << "\n" << text;
    }
    for (const Assignment& assignment : content.assignments) {
      if (const auto* n = std::get_if<std::uint64_t>(&assignment.value)) {
        const Option& o = *assignment.option;
        ASSERT_TRUE((*n >= o.low && *n <= o.high) || (*n == 0 && !o.zero.empty())) << text;
      }
    }
  }
}

}  // namespace
}  // namespace finack::config
