#include "storm/behaviour.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "storm/script.h"

namespace finack::storm {
namespace {

void expect_in_the_lists(Behaviour behaviour, std::span<const AllowedEnding> endings,
                         bool connection) {
  for (const AllowedEnding& ending : endings) {
    const record::CauseInfo& info = record::info(ending.cause);
    EXPECT_TRUE(info.server) << name(behaviour);
    EXPECT_TRUE(connection ? info.ends_connection : info.ends_request) << name(behaviour);
    EXPECT_TRUE(info.server_phases.contains(ending.phase)) << name(behaviour) << ": " << info.name;
    const std::string hows = " " + std::string(info.how) + " ";
    const std::string how = " " + std::string(name(ending.how)) + " ";
    EXPECT_NE(hows.find(how), std::string::npos) << name(behaviour) << ": " << info.name << how;
  }
}

TEST(Behaviour, AllowsOnlyWhatTheListOfEndingsHolds) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kBehaviourCount; ++i) {
    const auto behaviour = static_cast<Behaviour>(i);
    EXPECT_TRUE(names.insert(name(behaviour)).second) << name(behaviour);
    EXPECT_GT(weight(behaviour), 0U);
    EXPECT_FALSE(allowed_endings(behaviour).empty());
    expect_in_the_lists(behaviour, allowed_endings(behaviour), true);
    expect_in_the_lists(behaviour, allowed_request_endings(behaviour), false);
    EXPECT_EQ(request_lines(behaviour) == RequestLines::none,
              allowed_request_endings(behaviour).empty())
        << name(behaviour);
  }
}

TEST(Behaviour, FailingRequestsDoNotEndTheirConnection) {
  const AllowedEnding failed{record::Cause::app_failed, record::How::reply,
                             record::Phase::handling};
  EXPECT_TRUE(contains(allowed_request_endings(Behaviour::app_failed), failed));
  EXPECT_FALSE(contains(allowed_endings(Behaviour::app_failed), failed));
}

TEST(Script, EndsTheConnectionOnceAndAtItsEnd) {
  for (std::size_t i = 0; i < kBehaviourCount; ++i) {
    const auto behaviour = static_cast<Behaviour>(i);
    const auto steps = script(behaviour);
    ASSERT_FALSE(steps.empty());
    for (std::size_t at = 0; at < steps.size(); ++at) {
      const bool ends = steps[at].act == Act::close || steps[at].act == Act::reset;
      EXPECT_EQ(ends, at + 1 == steps.size()) << name(behaviour);
      if (steps[at].act == Act::send_part) {
        EXPECT_GT(steps[at].bytes.size(), static_cast<std::size_t>(steps[at].number));
      }
    }
    const bool resets = steps.back().act == Act::reset;
    EXPECT_EQ(resets, name(behaviour).ends_with("_rst")) << name(behaviour);
  }
}

}  // namespace
}  // namespace finack::storm
