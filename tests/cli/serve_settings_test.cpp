#include "cli/serve_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "finack/server/settings.h"

namespace finack::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A command line without a file, and what came of it.
struct Told {
  ServeSettings settings;
  config::Scope root;
  config::CommandLine line;

  explicit Told(std::vector<const char*> words, const config::Environment& environment = {})
      : line(read(std::move(words), environment)) {}

 private:
  config::CommandLine read(std::vector<const char*> words, const config::Environment& environment) {
    describe_serve(root, settings);
    words.insert(words.begin(), "serve");
    return config::parse(static_cast<int>(words.size()), words.data(), root,
                         {.name = "finack serve",
                          .description = "",
                          .complete =
                              [this](const auto& resolved, auto& warnings) {
                                return complete_serve(settings, resolved, "", warnings);
                              }},
                         environment);
  }
};

TEST(ServeSettings, AnUpstreamNeedsNoFile) {
  const Told told({"--upstream", "127.0.0.1:9000", "--upstream", "[::1]:9000"});
  ASSERT_EQ(told.line.errors, "");
  const gateway::GatewaySettings& s = told.settings.gateway;
  ASSERT_EQ(s.listeners.size(), 1U);
  gateway::ListenerSettings listener;
  listener.address = "127.0.0.1:8080";
  EXPECT_EQ(s.listeners[0], listener);
  gateway::ClusterSettings cluster;
  cluster.name = "upstream";
  cluster.servers = {{"127.0.0.1:9000", 1, false}, {"[::1]:9000", 1, false}};
  EXPECT_THAT(s.clusters, ElementsAre(cluster));
  gateway::RouteSettings route;
  route.cluster = "upstream";
  EXPECT_THAT(s.routes, ElementsAre(route));
}

TEST(ServeSettings, ListenAndVariablesGiveTheListeners) {
  const Told flag({"--upstream", "h:1", "--listen", ":1", "--listen", ":2"});
  ASSERT_EQ(flag.settings.gateway.listeners.size(), 2U);
  EXPECT_EQ(flag.settings.gateway.listeners[1].address, ":2");
  const Told variable({}, {"FINACK_UPSTREAM=h:1,h:2", "FINACK_LISTEN=:3"});
  EXPECT_EQ(variable.line.errors, "");
  EXPECT_EQ(variable.settings.gateway.listeners.at(0).address, ":3");
  EXPECT_EQ(variable.settings.gateway.clusters.at(0).servers.size(), 2U);
}

TEST(ServeSettings, TheWatchdogsLimitIsTheProcesss) {
  EXPECT_EQ(Told({"--upstream", "h:1"}).settings.loop_blocked, server::Settings().loop_blocked);
  EXPECT_EQ(Told({"--upstream", "h:1", "--loop-blocked", "20ms"}).settings.loop_blocked,
            std::chrono::milliseconds(20));
  EXPECT_EQ(Told({"--upstream", "h:1", "--loop-blocked", "0"}).settings.loop_blocked, Nanos(0));
  EXPECT_THAT(Told({"--upstream", "h:1", "--loop-blocked", "2h"}).line.errors, HasSubstr("1ms"));
}

TEST(ServeSettings, WhatIsPrintedIsWhatIsInForce) {
  const Told told({"--upstream", "h:1", "--print-config"});
  EXPECT_EQ(told.line.exit_status, 0);
  for (const char* line :
       {"address: \"127.0.0.1:8080\"", "cluster: \"upstream\"", "address: \"h:1\""})
    EXPECT_NE(told.line.output.find(line), std::string::npos) << line;
  EXPECT_FALSE(told.line.output.contains("\nlisten:"));
}

TEST(ServeSettings, WrongUse) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "nothing to serve: give --upstream ADDRESS, or --config FILE with routes"},
      {{"--upstream", "h:1", "--upstream", "h:1"}, "--upstream: h:1 is given twice"},
      {{"--upstream", "h"}, "--upstream: 'h' lacks a port"},
      {{"--upstream", "h:1", "--admin-host", "gateway.internal:9090"},
       "--admin-host: 'gateway.internal:9090' has a port: write the host alone"},
      {{"--upstream", "h:1", "--admin-host", "*.internal"},
       "--admin-host: '*.internal' is a pattern: write one name"},
      {{"--upstrem", "h:1"}, "did you mean --upstream?"},
  };
  for (const auto& [words, why] : cases) {
    const Told told(words);
    EXPECT_EQ(told.line.exit_status, 2);
    EXPECT_THAT(told.line.errors, HasSubstr(why));
  }
}

TEST(ServeSettings, AFileWithListenersTakesNoListen) {
  ServeSettings settings;
  settings.gateway.listeners.resize(1);
  settings.gateway.routes.resize(1);
  config::Scope root;
  describe_serve(root, settings);
  const config::Option* listen = root.table().by_name("listen");
  ASSERT_NE(listen, nullptr);
  std::vector<std::string> warnings;
  config::Resolved resolved(root.table());
  EXPECT_THAT(complete_serve(settings, resolved, "f", warnings), IsEmpty());
  EXPECT_THAT(warnings, IsEmpty());
  resolved.take({{listen, std::vector<std::string>{":1"}, "FINACK_LISTEN"}},
                config::Origin::environment);
  EXPECT_THAT(complete_serve(settings, resolved, "f", warnings), IsEmpty());
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("FINACK_LISTEN counts for nothing")));
  resolved.take({{listen, std::vector<std::string>{":1"}, "--listen"}}, config::Origin::flag);
  EXPECT_THAT(
      complete_serve(settings, resolved, "f", warnings),
      ElementsAre(config::Problem{
          "--listen", "the file lists listeners, and they are used: leave one of both out"}));
}

TEST(ServeSettings, AFileWithRoutesTakesNoUpstream) {
  ServeSettings settings;
  settings.gateway.routes.resize(1);
  settings.upstreams = {"h:1"};
  config::Scope root;
  describe_serve(root, settings);
  std::vector<std::string> warnings;
  EXPECT_THAT(
      complete_serve(settings, config::Resolved(root.table()), "f", warnings),
      ElementsAre(config::Problem{
          "--upstream", "the file has routes and clusters of its own: leave one of both out"}));
}

}  // namespace
}  // namespace finack::cli
