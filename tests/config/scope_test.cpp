#include "config/scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <fstream>

#include "config/command_line.h"
#include "config/json_schema.h"
#include "config/print_config.h"
#include "config/reference.h"
#include "config/sample_document.h"
#include "config/yaml_reader.h"

namespace finack::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kGood =
    "workers: 2\n"
    "clusters:\n"
    "  api:\n"
    "    servers: [ 127.0.0.1:1, { address: 127.0.0.1:2, weight: 3 } ]\n"
    "    waits: { connect: 500ms, total: 3s }\n"
    "    statuses: [500, 502]\n"
    "  web-1:\n"
    "    servers: 127.0.0.1:3\n"
    "routes:\n"
    "  - match: { exact: /x }\n"
    "    cluster: api\n"
    "    headers: { request: { set: { X-A: b, X-C: '' }, remove: [ X-D ] } }\n"
    "    record: false\n"
    "  - respond: { status: 404 }\n"
    "    tries: 4\n";

SampleDocument good_values() {
  SampleDocument d;
  d.workers = 2;
  d.clusters = {{"api",
                 {{"127.0.0.1:1", 1}, {"127.0.0.1:2", 3}},
                 {milliseconds(500), seconds(3)},
                 {500, 502}},
                {"web-1", {{"127.0.0.1:3", 1}}, {}, {503}}};
  d.routes.resize(2);
  d.routes[0].exact = "/x";
  d.routes[0].cluster = "api";
  d.routes[0].headers.request = {{{"X-A", "b"}, {"X-C", ""}}, {"X-D"}};
  d.routes[0].record = false;
  d.routes[1].respond = SampleRespond{404, ""};
  d.routes[1].tries = 4;
  return d;
}

std::string problems_of(std::string_view text) {
  const SampleFile file;
  return to_string(read_yaml(file.scope, text, "f").problems);
}

/// Everything of a file put in force.
SampleDocument values_of(std::string_view text) {
  SampleFile file;
  FileContent content = read_yaml(file.scope, text, "f");
  EXPECT_EQ(to_string(content.problems), "") << text;
  Resolved resolved(file.scope.table());
  resolved.take(content.assignments, Origin::file);
  resolved.apply();
  content.apply_parts();
  return file.values;
}

TEST(Scope, ReadsEveryShape) { EXPECT_EQ(values_of(kGood), good_values()); }

TEST(Scope, WhatIsNotWrittenKeepsItsDefault) {
  EXPECT_EQ(values_of(""), SampleDocument());
  EXPECT_EQ(values_of("clusters: {}\nroutes: []\nwaits:\n"), SampleDocument());
  const SampleDocument d = values_of("clusters: {a: {servers: ['h:1'], waits: {}}}\n");
  EXPECT_EQ(d.clusters.at(0).waits, SampleWaits());
}

TEST(Scope, AliasesMakeCopies) {
  const SampleDocument d =
      values_of("clusters: {a: &a {servers: ['h:1']}, b: *a}\nroutes: [&r {cluster: a}, *r]\n");
  EXPECT_EQ(d.clusters.at(1).name, "b");
  EXPECT_EQ(d.clusters.at(1).servers, d.clusters.at(0).servers);
  EXPECT_EQ(d.routes.at(0), d.routes.at(1));
}

struct Mistake {
  std::string_view text, errors;
};

void expect_errors(std::initializer_list<Mistake> mistakes) {
  for (const Mistake& m : mistakes) EXPECT_EQ(problems_of(m.text), m.errors) << m.text;
}

TEST(ScopeErrors, Lists) {
  expect_errors({
      {"routes:\n", "f:1:1: routes: the value is missing; write [] for no route\n"},
      {"routes: 3\n", "f:1:9: routes: a list of routes is wanted here, not a value\n"},
      {"routes: {a: 1}\n", "f:1:9: routes: a list of routes is wanted here, not a map\n"},
      {"routes:\n  -\n", "f:1:1: routes[0]: the item is empty\n"},
      {"routes: [x]\n", "f:1:10: routes[0]: a map is wanted here (key: value), not a value\n"},
      {"clusters: {a: {servers: [[x]]}}\n",
       "f:1:26: clusters.a.servers[0]: a map or one value is wanted here, not a list\n"},
      {"clusters: {a: {servers: []}}\n",
       "f:1:16: clusters.a.servers: at least 1 server is wanted\n"},
      {"clusters: {a: {servers: ['a:1', 'a:1', 'a:1', 'a:1']}}\n",
       "f:1:16: clusters.a.servers: 4 servers are too many: at most 3\n"},
      {"clusters:\n  a:\n    servers: [ here ]\n",
       "f:3:16: clusters.a.servers[0]: 'here' lacks a port\n"},
      {"clusters:\n  a:\n    servers:\n      - address: here\n",
       "f:4:18: clusters.a.servers[0].address: 'here' lacks a port\n"},
      {"clusters:\n  a:\n    servers:\n      - weight: 2\n",
       "f:4:9: clusters.a.servers[0]: address is missing\n"},
      {"clusters: {a: {servers: 'a:1', statuses: [500, 404]}}\n",
       "f:1:48: clusters.a.statuses: '404' is no status from 500 on\n"},
  });
}

TEST(ScopeErrors, NamesAndTexts) {
  expect_errors({
      {"clusters:\n", "f:1:1: clusters: the value is missing; write {} for no cluster\n"},
      {"clusters: [a]\n",
       "f:1:11: clusters: a map of clusters by their names is wanted here, not a list\n"},
      {"clusters: {a b: {servers: 'a:1'}}\n",
       "f:1:12: clusters: 'a b' is no name: write up to 64 letters, digits, - and _, the first a "
       "letter or digit\n"},
      {"clusters: {? [a] : {}}\n", "f:1:14: a key must be a plain word\n"},
      {"clusters:\n  a: {servers: 'a:1'}\n  a: {servers: 'a:2'}\n",
       "f:3:3: 'clusters.a' is set twice; keep one\n"},
      {"clusters: {a: 3}\n",
       "f:1:15: clusters.a: a map is wanted here (key: value), not a value\n"},
      {"clusters:\n  a:\n", "f:2:3: clusters.a: servers is missing\n"},
      {"routes: [{cluster: a, headers: {request: {set: }}}]\nclusters: {a: {servers: 'a:1'}}\n",
       "f:1:43: routes[0].headers.request.set: the value is missing; write {} for none\n"},
      {"routes: [{cluster: a, headers: {request: {set: [x]}}}]\n"
       "clusters: {a: {servers: 'a:1'}}\n",
       "f:1:48: routes[0].headers.request.set: a map is wanted here (key: value), not a list\n"},
      {"routes:\n- respond: {}\n  headers: {request: {set: {X Y: 1, X: bad, Z: , A: [b]}}}\n",
       "f:3:23: routes[0].headers.request.set: 4 headers are too many: at most 2\n"},
  });
  const std::string start = "routes:\n- respond: {}\n  headers: {request: {set: ";
  const Mistake mistakes[] = {
      {"{X Y: 1}", "f:3:29: routes[0].headers.request.set: 'X Y' is no header name\n"},
      {"{X: bad}", "f:3:32: routes[0].headers.request.set.X: 'bad' is no value\n"},
      {"{X: }",
       "f:3:29: routes[0].headers.request.set.X: the value is missing; write \"\" for an empty "
       "text\n"},
      {"{X: [b]}",
       "f:3:32: routes[0].headers.request.set.X: one value is wanted here, not a list\n"},
      {"{X: a, X: b}", "f:3:35: 'routes[0].headers.request.set.X' is set twice; keep one\n"},
      {"{X: \"a\\nb\"}",
       "f:3:32: routes[0].headers.request.set.X: 'a?b' is not UTF-8 text without control "
       "characters\n"},
  };
  for (const Mistake& m : mistakes) {
    EXPECT_EQ(problems_of(start + std::string(m.text) + "}}\n"), m.errors) << m.text;
  }
}

TEST(ScopeErrors, GroupsAndKeys) {
  expect_errors({
      {"waits: 3s\n", "f:1:8: waits is a group: indent its keys below it (connect, total)\n"},
      {"waits: [1]\n", "f:1:8: waits is a group: indent its keys below it (connect, total)\n"},
      {"waits:\n  conect: 3s\n", "f:2:3: unknown key 'waits.conect'; did you mean connect?\n"},
      {"waits: {connect: 3h}\n",
       "f:1:18: waits.connect: 3h is out of bounds: allowed is 1ms to 1h, or 0 (no limit)\n"},
      {"waits: {connect: 3s, connect: 4s}\n", "f:1:22: 'waits.connect' is set twice; keep one\n"},
      {"waits:\nwaits:\n", "f:2:1: 'waits' is set twice; keep one\n"},
      {"waits: {connect: 3s, total: 2s}\n", "f:1:18: waits.connect: it is longer than total\n"},
      {"waits: {total: 500ms}\n", "f:1:1: waits.connect: it is longer than total\n"},
      {"connect: 3s\n", "f:1:1: unknown key 'connect'; did you mean 'waits: {connect: ...}'?\n"},
      {"waits.connect: 3s\n", "f:1:1: unknown key 'waits.connect'\n"},
      {"route: []\n", "f:1:1: unknown key 'route'; did you mean routes?\n"},
      {"routes:\n- respond:\n",
       "f:2:3: routes[0].respond: the value is missing; write {} for its defaults\n"},
      {"routes:\n- respond: 404\n",
       "f:2:12: routes[0].respond is a group: indent its keys below it (status, body)\n"},
      {"routes:\n- respond: {}\n  match: /x\n",
       "f:3:10: routes[0].match is a group: indent its keys below it (prefix, exact)\n"},
      {"routes:\n- respond: {}\n  status: 3\n",
       "f:3:3: unknown key 'routes[0].status'; did you mean 'respond: {status: ...}'?\n"},
      {"routes:\n- respond: {}\n  tries: 11\n",
       "f:3:10: routes[0].tries: 11 is out of bounds: allowed is 1 to 10\n"},
  });
}

TEST(ScopeErrors, ChoicesAndReferences) {
  const std::string clusters = "clusters: {api: {servers: 'a:1'}, web: {servers: 'a:2'}}\n";
  const Mistake mistakes[] = {
      {"routes:\n- headers: {}\n", "f:3:3: routes[0]: one of cluster or respond is wanted\n"},
      {"routes:\n- respond: {}\n  cluster: api\n",
       "f:4:3: routes[0].cluster: routes[0] has respond already; keep one of cluster and "
       "respond\n"},
      {"routes:\n- cluster: api\n  match: {prefix: /a, exact: /b}\n",
       "f:4:23: routes[0].match.exact: routes[0] has match.prefix already; keep one of "
       "match.prefix and match.exact\n"},
      {"routes:\n- cluster: \"\"\n", "f:3:12: routes[0].cluster: it must not be empty\n"},
      {"routes:\n- cluster: apii\n",
       "f:3:12: routes[0].cluster: there is no cluster 'apii'; did you mean api?\n"},
      {"routes:\n- cluster: other\n",
       "f:3:12: routes[0].cluster: there is no cluster 'other'; the file defines api, web\n"},
  };
  for (const Mistake& m : mistakes) {
    EXPECT_EQ(problems_of(clusters + std::string(m.text)), m.errors) << m.text;
  }
  expect_errors({
      {"routes:\n- cluster: api\n",
       "f:2:12: routes[0].cluster: there is no cluster 'api'; the file defines no cluster\n"},
      // A cluster with a mistake is a cluster all the same.
      {"routes:\n- cluster: api\nclusters:\n  api: {}\n",
       "f:4:3: clusters.api: servers is missing\n"},
  });
}

TEST(ScopeErrors, AllOfThemInTheFilesOrderAndNothingIsApplied) {
  SampleFile file;
  const FileContent content = read_yaml(file.scope,
                                        "workers: 100\n"
                                        "routes:\n"
                                        "  - cluster: nobody\n"
                                        "  - {}\n"
                                        "waits: { connect: 5s }\n"
                                        "clusters:\n"
                                        "  a: { servers: [x, 'y:1', z] }\n"
                                        "  b: { servers: 'y:1', waits: { connect: no } }\n",
                                        "f");
  EXPECT_EQ(to_string(content.problems),
            "f:1:10: workers: 100 is out of bounds: allowed is 1 to 64, or 0 (one per core)\n"
            "f:3:14: routes[0].cluster: there is no cluster 'nobody'; the file defines a, b\n"
            "f:4:5: routes[1]: one of cluster or respond is wanted\n"
            "f:7:18: clusters.a.servers[0]: 'x' lacks a port\n"
            "f:7:28: clusters.a.servers[2]: 'z' lacks a port\n"
            "f:8:42: clusters.b.waits.connect: 'no' is no duration: write 10s, 250ms, 1h30m, or a "
            "plain number of seconds\n");
  EXPECT_EQ(file.values, SampleDocument());
}

TEST(ScopeErrors, AliasesThatMultiplyMeetALimit) {
  std::string text = "x: &s ['a:1', 'a:1', 'a:1']\nclusters:\n";
  for (int i = 0; i < 100; ++i) text += "  c" + std::to_string(i) + ": {servers: *s}\n";
  text += "y: &h {request: {remove: []}}\nz: &r {respond: {}, headers: *h}\nroutes: [";
  for (int i = 0; i < 100; ++i) text += "*r,";
  // Within the limits of every list; only keys that the scope does not know are wrong.
  EXPECT_EQ(problems_of(text + "]\n"),
            "f:1:1: unknown key 'x'\nf:103:1: unknown key 'y'\nf:104:1: unknown key 'z'\n");
  std::string wide = "clusters: {a: &a {servers: 'a:1', statuses: [";
  for (int i = 0; i < 30'000; ++i) wide += "500,";
  wide += "]}";
  for (int i = 0; i < 99; ++i) wide += ", b" + std::to_string(i) + ": *a";
  EXPECT_THAT(problems_of(wide + "}\n"),
              HasSubstr("the file says more than 100000 values, aliases counted each time\n"));
}

TEST(Places, RememberEveryValue) {
  const SampleFile file;
  const Places places = read_yaml(file.scope, kGood, "f").places;
  EXPECT_EQ(places.where("workers"), "f:1:10");
  EXPECT_EQ(places.where("clusters"), "f:2:1");
  EXPECT_EQ(places.where("clusters.api"), "f:3:3");
  EXPECT_EQ(places.where("clusters.api.servers[0]"), "f:4:16");
  EXPECT_EQ(places.where("clusters.api.servers[0].address"), "f:4:16");
  EXPECT_EQ(places.where("clusters.api.servers[1].weight"), "f:4:61");
  EXPECT_EQ(places.where("clusters.api.waits.total"), "f:5:37");
  EXPECT_EQ(places.where("routes[0].match.exact"), "f:10:21");
  EXPECT_EQ(places.where("routes[0].headers.request.set.X-C"), "f:12:47");
  EXPECT_EQ(places.where("routes[1]"), "f:14:5");
  // What is not written has the place of what is around it.
  EXPECT_FALSE(places.has("clusters.web-1.waits.total"));
  EXPECT_EQ(places.where("clusters.web-1.waits.total"), "f:7:3");
  EXPECT_EQ(places.where("nothing"), "f:1:1");
}

TEST(PrintDocument, RoundTripsWithOrigins) {
  SampleFile file;
  FileContent content = read_yaml(file.scope, kGood, "f");
  Resolved resolved(file.scope.table());
  resolved.take(content.assignments, Origin::file);
  resolved.apply();
  content.apply_parts();
  const std::string printed = print_config(resolved, file.scope, content.places);
  EXPECT_EQ(values_of(printed), good_values()) << printed;
  EXPECT_THAT(printed, HasSubstr("workers: 2                           # from f:1:1\n"));
  EXPECT_THAT(printed, HasSubstr("clusters:\n"
                                 "  api:\n"
                                 "    servers:\n"
                                 "      - address: \"127.0.0.1:1\"       # from f:4:16\n"
                                 "        weight: 1                    # default\n"));
  EXPECT_THAT(printed, HasSubstr("        set:\n"
                                 "          \"X-A\": \"b\"\n"
                                 "          \"X-C\": \"\"\n"));
  EXPECT_EQ(printed, print_config(resolved, file.scope, content.places)) << "it changes nothing";
}

TEST(PrintDocument, EmptyPartsAndSpecialNames) {
  SampleDocument d;
  d.clusters = {{"null", {{"a:1", 1}}, {}, {}}, {"on", {{"a:1", 1}}, {}, {}}};
  SampleFile file(d);
  const std::string printed = print_config(Resolved(file.scope.table()), file.scope, Places());
  EXPECT_THAT(printed, HasSubstr("  \"null\":\n"));
  EXPECT_THAT(printed, HasSubstr("routes: []\n"));
  EXPECT_EQ(values_of(printed), d) << printed;
}

TEST(PrintDocument, WarnsOfZeros) {
  SampleDocument d;
  d.waits.connect = Nanos(0);
  SampleFile file(d);
  Places places("f");
  places.note("waits.connect", {3, 5});
  EXPECT_THAT(part_warnings(file.scope, places),
              testing::ElementsAre("waits.connect is 0 (from f:3:5): it may take for ever"));
}

TEST(CommandLineWithParts, FlagsWinAndPartsAreFilled) {
  const std::string path = testing::TempDir() + "finack_scope_test.yaml";
  std::ofstream(path) << kGood;
  SampleFile file;
  const char* arguments[] = {"demo", "--config", path.c_str(), "--workers", "5"};
  const CommandLine line = parse(5, arguments, file.scope, {"finack demo", ""}, {});
  EXPECT_EQ(line.errors, "");
  SampleDocument expected = good_values();
  expected.workers = 5;
  expected.config = path;
  EXPECT_EQ(file.values, expected);
  EXPECT_EQ(line.places.where("clusters.api"), path + ":3:3");
}

TEST(CommandLineWithParts, AMistakeAppliesNothing) {
  const std::string path = testing::TempDir() + "finack_scope_test.yaml";
  std::ofstream(path) << kGood << "strange: 1\n";
  SampleFile file;
  const char* arguments[] = {"demo", "--config", path.c_str()};
  const CommandLine line = parse(3, arguments, file.scope, {"finack demo", ""}, {});
  EXPECT_EQ(line.exit_status, 2);
  EXPECT_THAT(line.errors, HasSubstr(":16:1: unknown key 'strange'\n"));
  EXPECT_EQ(file.values, SampleDocument());
}

TEST(DocumentReference, ATableForEveryScope) {
  const SampleFile file;
  const std::string page = configuration_reference_markdown(file.scope, "Configuration");
  for (const std::string_view heading :
       {"### `clusters.NAME`\n", "### `clusters.NAME.servers[]`\n", "### `clusters.NAME.waits`\n",
        "### `routes[].headers.request`\n", "### `waits`\n"}) {
    EXPECT_THAT(page, HasSubstr(heading));
  }
  EXPECT_THAT(page, HasSubstr("| `clusters` | MAP of maps | none | 0 to 100 | – | where to; see "
                              "`clusters.NAME` |\n"));
  EXPECT_THAT(page, HasSubstr("| `servers` | LIST of maps | needed | 1 to 3; each a map or its "
                              "`address` alone | – | where requests go; see "
                              "`clusters.NAME.servers[]` |\n"));
  EXPECT_THAT(page,
              HasSubstr("| `address` | TEXT | needed | 127.0.0.1:80 | – | host and port |\n"));
  EXPECT_THAT(page, HasSubstr("| `cluster` | TEXT | – | a name of `clusters` | – | where to |\n"));
  EXPECT_THAT(page, HasSubstr("| `tries` | NUMBER | the cluster's | 1 to 10 | – | how often |\n"));
  EXPECT_THAT(page, HasSubstr("| `set` | MAP of texts | none | 0 to 2 | – | headers to set |\n"));
  EXPECT_THAT(page, HasSubstr("Exactly one of `cluster`, `respond` may be written.\n"));
  EXPECT_THAT(page, HasSubstr("At most one of `match.prefix`, `match.exact` may be written.\n"));
}

TEST(DocumentSchema, Shapes) {
  const SampleFile file;
  const YAML::Node all = YAML::Load(json_schema(file.scope, "Sample"))["properties"];
  EXPECT_EQ(all["workers"]["default"].Scalar(), "0");
  const YAML::Node cluster = all["clusters"]["additionalProperties"];
  EXPECT_EQ(all["clusters"]["propertyNames"]["pattern"].Scalar(),
            "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$");
  EXPECT_EQ(cluster["required"][0].Scalar(), "servers");
  const YAML::Node server = cluster["properties"]["servers"]["items"]["anyOf"];
  EXPECT_EQ(server[0]["type"].Scalar(), "string");
  EXPECT_EQ(server[1]["required"][0].Scalar(), "address");
  EXPECT_EQ(server[1]["additionalProperties"].Scalar(), "false");
  const YAML::Node route = all["routes"]["items"];
  EXPECT_EQ(route["allOf"][0]["oneOf"][1]["required"][0].Scalar(), "respond");
  EXPECT_TRUE(route["properties"]["match"]["properties"]["prefix"].IsDefined());
  EXPECT_EQ(route["properties"]["tries"]["description"].Scalar(),
            "how often. Allowed: 1 to 10. Left out: the cluster's.");
  EXPECT_FALSE(route["properties"]["tries"]["default"].IsDefined());
}

}  // namespace
}  // namespace finack::config
