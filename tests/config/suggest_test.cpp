#include "config/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace finack::config {
namespace {

TEST(EditDistance, CountsLetters) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("head", "head"), 0U);
  EXPECT_EQ(edit_distance("haed", "head"), 1U);
  EXPECT_EQ(edit_distance("hed", "head"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(DidYouMean, NearestOrNothing) {
  const std::vector<std::string> words = {"probe", "cancel", "tolerate", "on"};
  EXPECT_EQ(nearest("cancle", words), "cancel");
  EXPECT_EQ(nearest("tolerat", words), "tolerate");
  EXPECT_EQ(nearest("xyzzy", words), "");
  EXPECT_EQ(nearest("tol", words), "tolerate");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), words), "");
  EXPECT_EQ(did_you_mean("porbe", words), "; did you mean probe?");
  EXPECT_EQ(did_you_mean("quite else", words), "");
}

TEST(Quoted, ShortAndHarmless) {
  EXPECT_EQ(in_quotes("a\x1b[31m\n"), "'a?[31m?'");
  EXPECT_EQ(in_quotes(std::string(100, 'a')), "'" + std::string(60, 'a') + "...'");
}

}  // namespace
}  // namespace finack::config
