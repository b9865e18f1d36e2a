#include "finack/http/cookie.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace finack::http {
namespace {

using namespace std::literals;

std::string listed(std::string_view text) {
  std::string out;
  for (const auto& cookie : CookieView(text)) {
    out.append("[").append(cookie.name).append("|").append(cookie.value).append("]");
  }
  return out;
}

TEST(CookieView, ListsCookiesInOrder) {
  EXPECT_EQ(listed(""), "");
  EXPECT_EQ(listed("a=b"), "[a|b]");
  EXPECT_EQ(listed("a=b; c=d;e=f ;  g=h"), "[a|b][c|d][e|f][g|h]");
  EXPECT_EQ(listed("a="), "[a|]");
  EXPECT_EQ(listed("a=b=c"), "[a|b=c]");
  EXPECT_EQ(listed("a=\"b c\"; d=\""), "[a|b c][d|\"]");
  EXPECT_EQ(listed(";;a=b;"), "[a|b]");
}

TEST(CookieView, LeavesOutWhatIsNoCookie) {
  EXPECT_EQ(listed("a; =b; c d=e; f=g"), "[f|g]");
  EXPECT_EQ(listed("a=b\nc; d=e"), "[d|e]");
  EXPECT_EQ(listed("a=\0; d=e"sv), "[d|e]");
  EXPECT_EQ(listed("\xc3\xa4=b; d=\xc3\xa4"), "[d|\xc3\xa4]");
}

TEST(CookieView, FindsTheFirstOfAName) {
  const CookieView view("a=1; b=2; a=3");
  EXPECT_EQ(view.get("a"), "1");
  EXPECT_EQ(view.get("b"), "2");
  EXPECT_EQ(view.get("A"), std::nullopt);
  EXPECT_EQ(CookieView().get("a"), std::nullopt);
}

}  // namespace
}  // namespace finack::http
