#include "finack/http/form.h"

#include <gtest/gtest.h>

namespace finack::http {
namespace {

TEST(MediaType, SplitsItsParts) {
  const auto type = parse_media_type("text/html; charset=\"utf-8\" ;q=1;flag; b=\"x;y\\\"z\"; c=d");
  ASSERT_TRUE(type);
  EXPECT_EQ(type->type, "text");
  EXPECT_EQ(type->subtype, "html");
  EXPECT_EQ(type->parameter("Charset"), "utf-8");
  EXPECT_EQ(type->parameter("q"), "1");
  EXPECT_EQ(type->parameter("b"), "x;y\\\"z");
  EXPECT_EQ(type->parameter("c"), "d");
  EXPECT_EQ(type->parameter("flag"), std::nullopt);
  EXPECT_EQ(type->parameter("x"), std::nullopt);
  for (const char* bad : {"", "text", "/", "text/", "/html", "te xt/html", "text/ht ml", "a/b/c"}) {
    EXPECT_FALSE(parse_media_type(bad)) << bad;
  }
}

TEST(MediaType, Matches) {
  EXPECT_TRUE(media_type_is("application/json", "application/json"));
  EXPECT_TRUE(media_type_is("Application/JSON; charset=utf-8", "application/json"));
  EXPECT_TRUE(media_type_is(" application/json ", "application/*"));
  EXPECT_TRUE(media_type_is("application/problem+json", "application/*+json"));
  EXPECT_TRUE(media_type_is("text/plain", "*/*"));
  EXPECT_FALSE(media_type_is("application/jsonx", "application/json"));
  EXPECT_FALSE(media_type_is("application/+json", "application/*+json"));
  EXPECT_FALSE(media_type_is("text/json", "application/json"));
  EXPECT_FALSE(media_type_is("", "*/*"));
}

TEST(Form, IsReadAsAQueryIs) {
  EXPECT_TRUE(is_form("application/x-www-form-urlencoded; charset=UTF-8"));
  EXPECT_FALSE(is_form("multipart/form-data; boundary=x"));
  EXPECT_EQ(FormView("name=J%C3%BCrgen+X&n=1").get("name"), "J\xc3\xbcrgen X");
}

}  // namespace
}  // namespace finack::http
