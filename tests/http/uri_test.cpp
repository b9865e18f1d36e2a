#include "finack/http/uri.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace finack::http {
namespace {

using namespace std::literals;

std::string path(std::string_view encoded) {
  const auto decoded = decode_path(encoded);
  return decoded ? *decoded : std::string(name(decoded.error()));
}

std::string query(std::string_view encoded) {
  const auto decoded = decode_query(encoded);
  return decoded ? *decoded : std::string(name(decoded.error()));
}

TEST(DecodePath, DecodesAndRefuses) {
  EXPECT_EQ(path(""), "");
  EXPECT_EQ(path("plain"), "plain");
  EXPECT_EQ(path("a%20b"), "a b");
  EXPECT_EQ(path("%41%4a%4A"), "AJJ");
  EXPECT_EQ(path("a%2Fb"), "a/b");
  EXPECT_EQ(path("a+b"), "a+b");
  EXPECT_EQ(path("%C3%BC"), "\xc3\xbc");
  EXPECT_EQ(path("%25%32%30"), "%20");
  for (const char* bad : {"%", "a%", "%2", "%zz", "%2g", "%%20", "% 20", "%+1", "%0x"}) {
    EXPECT_EQ(path(bad), "bad_escape") << bad;
  }
  EXPECT_EQ(path("%00"), "nul_byte");
  EXPECT_EQ(path("a%00b"), "nul_byte");
}

TEST(DecodePath, CopiesOnlyWhenThereIsSomethingToDecode) {
  std::string storage;
  const std::string_view plain = "plain";
  EXPECT_EQ(decode_path(plain, storage)->data(), plain.data());
  EXPECT_EQ(decode_path("a%20b", storage)->data(), storage.data());
}

TEST(DecodeQuery, TakesPlusAsSpace) {
  EXPECT_EQ(query("a+b%2B"), "a b+");
  EXPECT_EQ(query("%00"), "\0"sv);
  EXPECT_EQ(query("%"), "bad_escape");
}

std::string listed(std::string_view text) {
  std::string out;
  for (const auto& pair : QueryView(text)) {
    out.append("[").append(pair.name).append("|").append(pair.value).append("]");
  }
  return out;
}

TEST(QueryView, ListsPairsInOrder) {
  EXPECT_EQ(listed(""), "");
  EXPECT_EQ(listed("&&"), "");
  EXPECT_EQ(listed("a"), "[a|]");
  EXPECT_EQ(listed("a="), "[a|]");
  EXPECT_EQ(listed("=b"), "[|b]");
  EXPECT_EQ(listed("="), "[|]");
  EXPECT_EQ(listed("a=b&a=c&&d=e=f&"), "[a|b][a|c][d|e=f]");
  EXPECT_EQ(listed("a;b=c"), "[a;b|c]");
  EXPECT_TRUE(QueryView().empty());
  EXPECT_TRUE(QueryView("&").empty());
  EXPECT_FALSE(QueryView("a").empty());
}

TEST(QueryView, FindsDecodedNames) {
  const QueryView view("a=1&b%20c=d+e&a=2&bad=%zz&%zz=x&n=");
  EXPECT_EQ(view.get("a"), "1");
  EXPECT_EQ(view.get("b c"), "d e");
  EXPECT_EQ(view.get("n"), "");
  EXPECT_EQ(view.get("bad"), std::nullopt);
  EXPECT_EQ(view.get("A"), std::nullopt);
  EXPECT_TRUE(view.has("n"));
  EXPECT_FALSE(view.has("%zz"));
  EXPECT_FALSE(view.well_formed());
  EXPECT_TRUE(QueryView("a=%20&b").well_formed());
}

}  // namespace
}  // namespace finack::http
