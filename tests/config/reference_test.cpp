#include "config/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "config/json_schema.h"
#include "config/sample_table.h"

namespace finack::config {
namespace {

using testing::HasSubstr;

TEST(Reference, OneLineForEveryRow) {
  const SampleTable sample;
  const std::string page = configuration_reference_markdown(sample.table, "Configuration");
  EXPECT_THAT(page, testing::StartsWith("# Configuration\n\n<!-- Generated from the tables"));
  for (const Option& option : sample.table.options()) {
    EXPECT_THAT(page, HasSubstr("`" + option.environment + "`"));
  }
  EXPECT_THAT(page,
              HasSubstr("| `--timeout-head` | `timeouts.head` | `FINACK_TIMEOUT_HEAD` | DURATION | "
                        "`10s` | 1ms to 24h | no limit | time for a head **0 is dangerous:** slow "
                        "clients |\n"));
  EXPECT_THAT(page, HasSubstr("the colour \\| shade |\n"));
  EXPECT_THAT(page, HasSubstr("## Limits\n"));
}

TEST(JsonSchema, IsJsonAndKnowsEveryPath) {
  const SampleTable sample;
  // JSON is YAML; this checks the nesting, tests of the command check it with a JSON parser.
  const YAML::Node schema = YAML::Load(json_schema(sample.table, "Finack"));
  for (const Option& option : sample.table.options()) {
    if (option.path.empty()) continue;
    YAML::Node node;
    node.reset(schema);
    std::string rest = option.path;
    for (;;) {
      EXPECT_EQ(node["additionalProperties"].Scalar(), "false");
      const std::size_t dot = rest.find('.');
      node.reset(node["properties"][rest.substr(0, dot)]);
      ASSERT_TRUE(node.IsMap()) << option.path;
      if (dot == std::string::npos) break;
      rest = rest.substr(dot + 1);
    }
    EXPECT_TRUE(node["default"].IsDefined()) << option.path;
    EXPECT_THAT(node["description"].Scalar(), HasSubstr(option.doc));
  }
}

TEST(JsonSchema, DescriptionsAreSentences) {
  const SampleTable sample;
  const YAML::Node all = YAML::Load(json_schema(sample.table, "Finack"))["properties"];
  EXPECT_EQ(all["timeouts"]["properties"]["head"]["description"].Scalar(),
            "time for a head. Allowed: 1ms to 24h. 0: no limit. 0 is dangerous: slow clients.");
  EXPECT_EQ(all["workers"]["description"].Scalar(), "threads. Allowed: 1 to 64. 0: one per core.");
  EXPECT_EQ(all["name"]["description"].Scalar(), "a name. Empty: none.");
  EXPECT_EQ(all["listen"]["description"].Scalar(), "addresses. For example: host:port.");
  EXPECT_EQ(all["keep_alive_header"]["description"].Scalar(), "send it.");
}

TEST(JsonSchema, Types) {
  const SampleTable sample;
  const YAML::Node all = YAML::Load(json_schema(sample.table, "Finack"))["properties"];
  EXPECT_EQ(all["workers"]["minimum"].Scalar(), "0") << "0 is allowed beside the bounds";
  EXPECT_EQ(all["backlog"]["minimum"].Scalar(), "1");
  EXPECT_EQ(all["backlog"]["default"].Scalar(), "4096");
  EXPECT_EQ(all["console"]["properties"]["color"]["enum"].size(), 3U);
  EXPECT_EQ(all["title"]["minLength"].Scalar(), "1");
  EXPECT_FALSE(all["name"]["minLength"].IsDefined());
}

}  // namespace
}  // namespace finack::config
