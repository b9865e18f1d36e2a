#include "gateway/alignment.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/yaml_reader.h"
#include "gateway/settings_table.h"

namespace finack::gateway {
namespace {

/// A file: its settings and where they stand.
struct File {
  GatewaySettings settings;
  config::Scope root;
  config::Places places;

  explicit File(std::string_view text) {
    describe_gateway(root, settings);
    config::FileContent content = config::read_yaml(root, text, "f");
    EXPECT_EQ(to_string(content.problems), "") << text;
    content.apply_parts();
    places = std::move(content.places);
  }
  /// "19E f:4:40 = 5s, f:4:20 = 1s; ..."
  std::string found() const {
    std::string text;
    for (const Misalignment& m : misalignments(settings)) {
      text += (text.empty() ? "" : "; ") + std::string(m.rule);
      for (const AlignedSetting& setting : m.settings) {
        text += fmt::format("{} {} = {}", &setting == m.settings.data() ? "" : ",",
                            places.where(setting.path), setting.value);
      }
      EXPECT_THAT(m.what, testing::Not(testing::IsEmpty()));
      EXPECT_THAT(m.change, testing::Not(testing::IsEmpty()));
    }
    return text;
  }
};

/// One part of a file that is fine otherwise, and what is found in it.
struct Case {
  std::string_view text, found;
};

/// A file with this in line 3 of its only listener, cluster or route.
std::string with_listener(std::string_view text) {
  return fmt::format(
      "listeners:\n  - address: ':1'\n    {}\nclusters: {{ a: {{ servers: ['h:1', 'h:2'], "
      "timeouts: {{ request_total: 20s }} }} }}\nroutes: [ {{ cluster: a }} ]\n",
      text);
}

std::string with_cluster(std::string_view text) {
  return fmt::format(
      "clusters:\n  a: {{ servers: ['h:1', 'h:2'] }}\n  b: {{ servers: ['h:1', 'h:2'], {} }}\n"
      "listeners: [ ':1' ]\nroutes: [ {{ cluster: a }}, {{ cluster: b, match: {{ host: b }} }} ]\n",
      text);
}

std::string with_route(std::string_view text) {
  return fmt::format(
      "routes:\n  - match: {{ prefix: /x }}\n    {}\nclusters: {{ a: {{ servers: ['h:1', 'h:2'] }} "
      "}}\nlisteners: [ ':1' ]\n",
      text);
}

TEST(Alignment, DefaultsAreAligned) {
  EXPECT_EQ(File("").found(), "");
  EXPECT_EQ(File(with_listener("name: l")).found(), "");
  EXPECT_EQ(File(with_cluster("balance: round_robin")).found(), "");
  EXPECT_EQ(File(with_route("cluster: a")).found(), "");
  EXPECT_EQ(File("clusters: { a: { servers: 'h:1' } }\n").found(), "");
}

TEST(Alignment, Listeners) {
  const Case cases[] = {
      // 18E: the cluster's first limit is its request_total of 20s.
      {"timeouts: { handler: 20s }", "18E f:3:26 = 20s, f:4:70 = 20s"},
      {"timeouts: { handler: 21s }", ""},
      {"timeouts: { handler_stall: 30s }", "18E f:3:32 = 30s, f:4:43 = 30s"},
      {"timeouts: { handler_stall: 31s }", ""},
      {"timeouts: { handler_stall: 0 }", ""},
      {"timeouts: { response_total: 19s }", "18E f:3:33 = 19s, f:4:70 = 20s"},
      {"timeouts: { response_total: 20s }", ""},
      {"timeouts: { drain: 19s }", "55E f:3:24 = 19s, f:4:70 = 20s"},
      {"timeouts: { drain: 20s }", ""},
      {"timeouts: { drain: 0 }", "56E f:3:24 = 0"},
      {"timeouts: { linger: 0 }", "46W f:3:25 = 0"},
      {"timeouts: { linger: 1s }", ""},
      {"client_half_close: cancel", "58W f:3:24 = cancel"},
      {"client_half_close: tolerate", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(File(with_listener(c.text)).found(), c.found) << c.text;
}

TEST(Alignment, Clusters) {
  const Case cases[] = {
      // Three tries of 3s and waits of 25ms and 50ms.
      {"timeouts: { try: 3s, request_total: 9074ms }",
       "19E f:3:69 = 9074ms, f:3:50 = 3s, f:3:3 = 3"},
      {"timeouts: { try: 3s, request_total: 9075ms }", ""},
      {"timeouts: { try: 3s }, retry: { tries: 100 }", ""},
      {"timeouts: { try: 3s, request_total: 5s }, retry: { tries: 1 }", ""},
      {"timeouts: { try: 3s, request_total: 9s }, retry: { backoff: { base: 0, most: 0 } }", ""},
      {"timeouts: { try: 1s, request_total: 4s }, retry: { tries: 3, backoff: { base: 2s, most: "
       "2s } }",
       "19E f:3:69 = 4s, f:3:50 = 1s, f:3:91 = 3"},
      {"timeouts: { request_total: 60s }, retry: { on_timeout: true }",
       "55E f:4:14 = 30s, f:3:60 = 60s; 19E f:3:60 = 60s, f:3:33 = 60s"},
      {"timeouts: { request_total: 20s, first_response_byte: 5s }, retry: { on_timeout: true }",
       ""},
      {"timeouts: { first_response_byte: 0, request_total: 20s }, retry: { on_timeout: true }",
       "19E f:3:84 = 20s, f:3:66 = 0"},
      {"timeouts: { connect: 11s }", "20W f:3:54 = 11s"},
      {"timeouts: { connect: 10s }", ""},
      {"timeouts: { connect: 0 }", "20W f:3:54 = 0"},
      {"timeouts: { tunnel_idle: 59s }", "26W f:3:58 = 59s"},
      {"timeouts: { tunnel_idle: 60s }", ""},
      {"timeouts: { tunnel_idle: 0 }", "24E f:3:58 = 0"},
      {"timeouts: { response_idle: 60s }", "18E f:4:14 = 60s, f:3:60 = 60s"},
      {"health: { passive: { eject_percent: 100 } }", "54W f:3:69 = 100"},
      {"health: { passive: { eject_percent: 99 } }", ""},
      {"health: { passive: { eject_percent: 100, eject_after: 0 } }", ""},
      {"pool: { idle: 0 }", "1E f:3:47 = 0"},
      {"pool: { idle: 0, free_connections: 0 }", "42W f:3:68 = 0"},
      {"pool: { idle: 5s }", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(File(with_cluster(c.text)).found(), c.found) << c.text;
}

TEST(Alignment, WhatOneServerCannotDoBetterIsNotReported) {
  EXPECT_EQ(File("clusters: { a: { servers: 'h:1', timeouts: { connect: 60s } } }\n").found(), "");
  EXPECT_EQ(File("clusters: { a: { servers: 'h:1', health: { passive: { eject_percent: 100 } } } "
                 "}\n")
                .found(),
            "");
  EXPECT_EQ(
      File("clusters: { a: { servers: 'unix:/x', pool: { free_connections: 0 } } }\n").found(), "");
}

TEST(Alignment, Routes) {
  const Case cases[] = {
      {"cluster: a\n    max_body_bytes: 11MiB", "50W f:4:21 = 11MiB, f:6:14 = 10MiB"},
      {"cluster: a\n    max_body_bytes: 10MiB", ""},
      {"cluster: a\n    retry: { idempotent: true }", "53E f:4:26 = true; 52E f:4:26 = true"},
      {"cluster: a\n    retry: { idempotent: true }\n    buffer_request: {}", "53E f:4:26 = true"},
      {"cluster: a\n    retry: { idempotent: true, tries: 1 }", ""},
      {"split: { to: [ a ] }\n    retry: { idempotent: true }",
       "53E f:4:26 = true; 52E f:4:26 = true"},
      {"respond: {}\n    retry: { idempotent: true }", ""},
      // The route's own waits count, not the cluster's.
      {"cluster: a\n    timeouts: { connect: 60s }", "20W f:4:26 = 60s"},
      {"cluster: a\n    timeouts: { try: 9s, request_total: 20s }\n    retry: { tries: 3 }",
       "19E f:4:41 = 20s, f:4:22 = 9s, f:5:21 = 3"},
      {"cluster: a\n    timeouts: { tunnel_idle: 5s }", "26W f:4:30 = 5s"},
      {"cluster: a\n    timeouts: { tunnel_idle: 5s }\n    upgrade: []", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(File(with_route(c.text)).found(), c.found) << c.text;
  EXPECT_EQ(
      File("routes: [ { cluster: a, match: { method: POST }, retry: { idempotent: true } } ]\n"
           "clusters: { a: { servers: 'h:1' } }\n")
          .found(),
      "52E f:1:71 = true");
  EXPECT_EQ(File("routes: [ { cluster: a, match: { method: GET }, retry: { idempotent: true } } ]\n"
                 "clusters: { a: { servers: 'h:1' } }\n")
                .found(),
            "");
}

TEST(Alignment, EachPairIsNamedOnce) {
  const File file(
      "clusters: { a: { servers: ['h:1', 'h:2'], timeouts: { connect: 60s } } }\n"
      "routes:\n"
      "  - { cluster: a, match: { prefix: /x } }\n"
      "  - { cluster: a, match: { prefix: /y }, timeouts: { send: 1s } }\n"
      "  - { cluster: a, match: { prefix: /z }, timeouts: { connect: 1s } }\n");
  EXPECT_EQ(file.found(), "20W f:1:64 = 60s");
}

TEST(Alignment, SaysWhatGoesWrongAndWhatToWrite) {
  const auto found =
      misalignments(File(with_cluster("timeouts: { try: 3s, request_total: 5s }")).settings);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].what,
            "3 tries of 3s, with waits of up to 75ms, take up to 9075ms, and all of them have 5s: "
            "the last ones are cut off or never made");
  EXPECT_EQ(found[0].change, "set request_total to 9075ms or more, or try to 1641ms or less");
  EXPECT_EQ(severity_word(found[0]), "error");
  EXPECT_EQ(severity_word({.rule = "20W", .settings = {}, .what = {}, .change = {}}), "warning");
  EXPECT_EQ(severity_word({.rule = "61I", .settings = {}, .what = {}, .change = {}}), "info");
}

}  // namespace
}  // namespace finack::gateway
