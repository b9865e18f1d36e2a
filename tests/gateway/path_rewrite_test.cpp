#include "gateway/path_rewrite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace finack::gateway {
namespace {

using testing::HasSubstr;

constexpr std::string_view kNoQuery;

std::string by_prefix(std::string_view match, std::string prefix, std::string_view path,
                      std::string_view query = kNoQuery) {
  const auto rewrite = PathRewrite::compile({std::move(prefix), "", ""}, match);
  std::string out;
  EXPECT_EQ(rewrite->apply(path, query, out), RewriteFault::none);
  return out;
}

std::string by_regex(std::string regex, std::string with, std::string_view path,
                     std::string_view query = kNoQuery) {
  const auto rewrite = PathRewrite::compile({"", std::move(regex), std::move(with)}, "");
  if (!rewrite) return rewrite.error();
  std::string out;
  switch (rewrite->apply(path, query, out)) {
    case RewriteFault::none:
      return out;
    case RewriteFault::dots:
      return "dots";
    default:
      return "too long";
  }
}

TEST(PathRewrite, ReplacesThePrefix) {
  EXPECT_EQ(by_prefix("/api", "/v2", "/api/x"), "/v2/x");
  EXPECT_EQ(by_prefix("/api", "/v2", "/api"), "/v2");
  EXPECT_EQ(by_prefix("/api", "/v2/", "/api"), "/v2/");
  EXPECT_EQ(by_prefix("/api", "/v2/", "/api/x"), "/v2/x");
  EXPECT_EQ(by_prefix("/api", "/", "/api"), "/");
  EXPECT_EQ(by_prefix("/api", "/", "/api/"), "/");
  EXPECT_EQ(by_prefix("/api", "/", "/api/x/y"), "/x/y");
  EXPECT_EQ(by_prefix("/api/", "/v2", "/api/x"), "/v2/x");
  EXPECT_EQ(by_prefix("/", "/v2", "/x"), "/v2/x");
  EXPECT_EQ(by_prefix("/", "/v2", "/"), "/v2");
  EXPECT_EQ(by_prefix("/", "/v2", "*"), "*");
}

TEST(PathRewrite, KeepsTheQuery) {
  EXPECT_EQ(by_prefix("/api", "/v2", "/api/x", "a=b&c"), "/v2/x?a=b&c");
  EXPECT_EQ(by_prefix("/api", "/v2", "/api", std::string_view("")), "/v2?");
  EXPECT_EQ(by_regex("^/(.*)", R"(/find?for=\1)", "/cat", "n=1"), "/find?for=cat&n=1");
}

TEST(PathRewrite, ReplacesTheFirstMatch) {
  EXPECT_EQ(by_regex("^/v1/(.*)", R"(/\1)", "/v1/a/b"), "/a/b");
  EXPECT_EQ(by_regex("/(\\d+)/(\\w+)", R"(/\2/\1)", "/x/12/ab/34/cd"), "/x/ab/12/34/cd");
  EXPECT_EQ(by_regex("b+", R"([\0])", "/abbc"), "/a[bb]c");
  EXPECT_EQ(by_regex("^/a", "", "/a/b"), "/b");
  EXPECT_EQ(by_regex("^/a/", "", "/a/b"), "/b") << "a path begins with /";
  EXPECT_EQ(by_regex("^/a$", "", "/a"), "/");
  EXPECT_EQ(by_regex("nothing", "x", "/a"), "/a");
  EXPECT_EQ(by_regex("(x)?a", R"(\1b)", "/a"), "/b") << "a group that took no part";
}

TEST(PathRewrite, LetsNoClientMakeDots) {
  EXPECT_EQ(by_regex("-", "", "/.-./secret"), "dots");
  EXPECT_EQ(by_regex("-", "", "/a/.-./secret"), "dots");
  EXPECT_EQ(by_regex("-", "", "/.well-known"), "/.wellknown");
  // Nor what only some servers take for dots, or for the end of the path.
  EXPECT_EQ(by_regex("-", "", "/a/.-.%2Fsecret"), "dots");
  EXPECT_EQ(by_regex("-", "", "/a/.-.;x/secret"), "dots");
  EXPECT_EQ(by_regex("-", "", "/a/%-2E./secret"), "dots");
  EXPECT_EQ(by_regex("-", "", "/a/%-00"), "dots");
  EXPECT_EQ(by_regex("-", "", "/a-%2Fb;x"), "/a%2Fb;x");
}

TEST(PathRewrite, IsBounded) {
  std::string with;
  for (int i = 0; i < 20; ++i) with += R"(/\1)";
  EXPECT_EQ(by_regex("/(.*)", with, "/" + std::string(8000, 'a')), "too long");
}

TEST(PathRewrite, RefusesWhatCannotBeSent) {
  EXPECT_THAT(by_regex("(", "", "/"), HasSubstr("regex: "));
  EXPECT_THAT(by_regex("a", R"(\1)", "/"), HasSubstr("with: "));
  EXPECT_EQ(by_regex("a", "b c", "/"), "with: ' ' cannot stand in a path");
  EXPECT_EQ(by_regex("a", "b#c", "/"), "with: '#' cannot stand in a path");
  EXPECT_EQ(by_regex("a", "\\\\", "/"), "with: '\\' cannot stand in a path");
  EXPECT_EQ(by_regex("a", "/b?c=\\\\d", "/a"), "with: '\\' cannot stand in a path");
  EXPECT_EQ(by_regex("(a)", R"(/b?\1\\1)", "/a"), "with: '\\' cannot stand in a path");
}

}  // namespace
}  // namespace finack::gateway
