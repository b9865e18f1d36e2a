// A misspelt setting of the environment is never silent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "cli/command.h"

namespace finack::cli {
namespace {

using testing::HasSubstr;

TEST(Demo, print_config_warns_of_misspelt_environment_variables) {
  ASSERT_EQ(::setenv("FINACK_TIMEOUT_HAED", "3s", 1), 0);
  char name[] = "demo", print[] = "--print-config";
  char* argv[] = {name, print, nullptr};
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(demo(2, argv), 0);
  const std::string errors = testing::internal::GetCapturedStderr();
  const std::string output = testing::internal::GetCapturedStdout();
  ::unsetenv("FINACK_TIMEOUT_HAED");
  EXPECT_THAT(errors, HasSubstr("FINACK_TIMEOUT_HAED names no setting; did you mean "
                                "FINACK_TIMEOUT_HEAD?"));
  EXPECT_THAT(output, HasSubstr("timeouts:"));
}

}  // namespace
}  // namespace finack::cli
