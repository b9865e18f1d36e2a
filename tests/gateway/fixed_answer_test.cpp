#include "gateway/fixed_answer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace finack::gateway {
namespace {

TEST(WriteLocation, KeepsThePath) {
  struct Row {
    std::string to;
    bool keep;
    std::string_view path, query, location;
  };
  const std::string_view none, empty = "";
  const Row rows[] = {
      {"/new", false, "/old", "q=1", "/new"},
      {"https://b.test/x?y", false, "/old", none, "https://b.test/x?y"},
      {"https://b.test", true, "/old", none, "https://b.test/old"},
      {"https://b.test/", true, "/old/", "q=1", "https://b.test/old/?q=1"},
      {"/new", true, "/old", empty, "/new/old?"},
      {"/new", true, "/", none, "/new/"},
      {"/", true, "//evil.test/x", none, "/evil.test/x"},
      {"/", true, "///evil.test", none, "/evil.test"},
      {"/", true, "//", none, "/"},
      {"https://b.test", true, "*", none, "https://b.test"},
  };
  std::string out;
  for (const Row& row : rows) {
    write_location({.to = row.to, .keep_path = row.keep}, row.path, row.query, out);
    EXPECT_EQ(out, row.location) << row.to << ' ' << row.path;
  }
}

TEST(FixedAnswer, HasATypeForItsBody) {
  std::vector<http::Header> headers;
  RespondSettings respond{503, "closed", {{"Retry-After", "60"}}};
  const http::ResponseHead plain = answer_head(respond, headers);
  EXPECT_EQ(plain.status, 503);
  EXPECT_EQ(plain.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(plain.content_length, 6U);
  ASSERT_EQ(plain.headers.size(), 1U);
  EXPECT_EQ(plain.headers[0].value, "60");

  respond.headers = {{"content-type", "text/html"}};
  EXPECT_EQ(answer_head(respond, headers).content_type, "");
  EXPECT_EQ(answer_head({200, "", {}}, headers).content_type, "");
  EXPECT_EQ(answer_head({204, "x", {}}, headers).content_length, 0U);
  EXPECT_EQ(answer_body({304, "x", {}}), "");
}

}  // namespace
}  // namespace finack::gateway
