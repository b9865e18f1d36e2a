#include "gateway/path_reading.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace finack::gateway {
namespace {

std::string read(std::string_view path, Reading reading) {
  std::string out;
  const PathFault fault = read_path(path, reading, out);
  return fault == PathFault::none ? out : std::string(name(fault));
}

TEST(ReadPath, MakesEscapesUniform) {
  EXPECT_EQ(read("/", kLiteral), "/");
  EXPECT_EQ(read("/a%2fb%5c%3B%20", kLiteral), "/a%2Fb%5C%3B%20");
  EXPECT_EQ(read("/%61%7E%2d%5f%2e", kLiteral), "/a~-_.");
  EXPECT_EQ(read("/%c3%a9", kLiteral), "/%C3%A9");
  EXPECT_EQ(read("/%2561", kLiteral), "/%2561") << "decoded once";
  EXPECT_EQ(read("/a//b/../c;d", kLiteral), "/a//b/../c;d");
  EXPECT_EQ(read("/%", kLiteral), "bad_escape");
  EXPECT_EQ(read("/%4", kLiteral), "bad_escape");
  EXPECT_EQ(read("/%4g", kLiteral), "bad_escape");
  EXPECT_EQ(read("/%00", kLiteral), "nul_byte");
}

TEST(ReadPath, ResolvesDots) {
  struct Row {
    std::string_view path, read;
  };
  constexpr Row kRows[] = {
      {"/a/b/../c", "/a/c"},
      {"/a/./b", "/a/b"},
      {"/a/b/..", "/a/"},
      {"/a/.", "/a/"},
      {"/.", "/"},
      {"/a/..", "/"},
      {"/a/%2e%2E/b", "/b"},
      {"/a/.%2e", "/"},
      {"/...", "/..."},
      {"/.well-known/x", "/.well-known/x"},
      {"/..", "above_root"},
      {"/a/../..", "above_root"},
      {"/a/../../a", "above_root"},
      {"/a//..", "/a/"},
      {"/a/b/c/../../d/", "/a/d/"},
  };
  for (const Row& row : kRows) EXPECT_EQ(read(row.path, kResolveDots), row.read) << row.path;
}

TEST(ReadPath, MergesSlashes) {
  EXPECT_EQ(read("//a///b//", kMergeSlashes), "/a/b/");
  EXPECT_EQ(read("//", kMergeSlashes), "/");
  EXPECT_EQ(read("/a//../b", kNormal), "/b");
  EXPECT_EQ(read("//..", kNormal), "above_root");
}

TEST(ReadPath, DecodesSlashes) {
  EXPECT_EQ(read("/a%2Fb%5cc", kDecodeSlashes), "/a/b/c");
  EXPECT_EQ(read("/a%2F%2Fb", kDecodeSlashes), "/a//b");
  EXPECT_EQ(read("/a%2F%2Fb", kDecodeSlashes | kMergeSlashes), "/a/b");
  EXPECT_EQ(read("/a/..%2Fb", kDecodeSlashes | kResolveDots), "/b");
}

TEST(ReadPath, DropsParameters) {
  EXPECT_EQ(read("/a;x=1/b;y", kDropParameters), "/a/b");
  EXPECT_EQ(read("/a/..;x/b", kDropParameters | kResolveDots), "/b");
  EXPECT_EQ(read("/;x/a", kDropParameters | kMergeSlashes), "/a");
  EXPECT_EQ(read("/a/;x", kDropParameters), "/a/");
}

TEST(IsPlain, IsTrueForPathsOfOneReading) {
  for (const std::string_view path : {"/", "/a", "/a/b.c/d-e", "/a.", "/a/"}) {
    EXPECT_TRUE(is_plain(path)) << path;
  }
  for (const std::string_view path :
       {"//", "/a//", "/.", "/a/.b", "/%61", "/a;b", "/a/..", "/a/../b", "//a"}) {
    EXPECT_FALSE(is_plain(path)) << path;
  }
}

TEST(SurveyPath, TellsWhatIsInDispute) {
  struct Row {
    std::string_view path;
    PathFault fault;
    Reading disputed;
  };
  constexpr Row kRows[] = {
      {"/a/b", PathFault::none, kLiteral},
      {"/%61/%20", PathFault::none, kLiteral},
      {"/.well-known", PathFault::none, kLiteral},
      {"/a/%2E/b", PathFault::none, kResolveDots},
      {"/a//b", PathFault::none, kMergeSlashes},
      {"/a%2fb", PathFault::none, kDecodeSlashes | kMergeSlashes},
      {"/a%5Cb", PathFault::none, kDecodeSlashes | kMergeSlashes},
      {"/a;b", PathFault::none, kDropParameters | kMergeSlashes},
      {"/a/../b;c%2f", PathFault::none,
       kResolveDots | kMergeSlashes | kDecodeSlashes | kDropParameters},
      {"/%zz", PathFault::bad_escape, kLiteral},
      {"/%00", PathFault::nul_byte, kLiteral},
      {"/a/..%2fb", PathFault::hidden_dots, kDecodeSlashes | kMergeSlashes},
      {"/a/b%2f..", PathFault::hidden_dots, kDecodeSlashes | kMergeSlashes},
      {"/a%5c%2e%5cb", PathFault::hidden_dots, kDecodeSlashes | kMergeSlashes},
      {"/a/..;x/b", PathFault::hidden_dots, kDropParameters | kMergeSlashes},
      {"/a/.;/b", PathFault::hidden_dots, kDropParameters | kMergeSlashes},
  };
  std::string storage;
  for (const Row& row : kRows) {
    const PathSurvey survey = survey_path(row.path, storage);
    EXPECT_EQ(survey.fault, row.fault) << row.path << ": " << name(survey.fault);
    EXPECT_EQ(survey.disputed, row.disputed) << row.path;
  }
}

}  // namespace
}  // namespace finack::gateway
