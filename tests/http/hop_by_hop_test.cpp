#include "finack/http/hop_by_hop.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace finack::http {
namespace {

/// What is left of the fields and what was said: "A=b C=d te upgrade=x".
std::string strip(std::vector<Header> headers) {
  const HopByHop facts = remove_hop_by_hop(headers);
  std::string text;
  for (const Header& field : headers) {
    text.append(field.name).append("=").append(field.value).append(" ");
  }
  if (facts.te_trailers) text.append("te ");
  if (!facts.upgrade.empty()) text.append("upgrade=").append(facts.upgrade).append(" ");
  if (!text.empty()) text.pop_back();
  return text;
}

TEST(HopByHop, RemovesWhatBelongsToOneConnection) {
  EXPECT_EQ(strip({{"Host", "a"},
                   {"connection", "keep-alive"},
                   {"KEEP-ALIVE", "timeout=5"},
                   {"Proxy-Connection", "keep-alive"},
                   {"A", "b"},
                   {"TE", "gzip"},
                   {"Transfer-Encoding", "chunked"},
                   {"Upgrade", "h2c"},
                   {"Trailer", "Digest"},
                   {"Content-Length", "5"}}),
            "Host=a A=b Trailer=Digest Content-Length=5");
  EXPECT_EQ(strip({{"Close", "a"}, {"Connection", "close"}, {"T", "b"}}), "Close=a T=b");
  EXPECT_EQ(strip({}), "");
}

TEST(HopByHop, RemovesWhatConnectionNames) {
  EXPECT_EQ(strip({{"X-A", "1"}, {"Connection", "close, x-a ,,X-B"}, {"x-b", "2"}, {"X-C", "3"}}),
            "X-C=3");
  EXPECT_EQ(strip({{"Connection", "x-a"},
                   {"X-A", "1"},
                   {"X-A", "2"},
                   {"Connection", "X-B"},
                   {"X-B", "3"},
                   {"X-AB", "4"}}),
            "X-AB=4");
  EXPECT_EQ(
      strip({{"Connection", "connection, x-a"}, {"X-A", "1"}, {"Connection", "x-b"}, {"X-B", "2"}}),
      "");
}

TEST(HopByHop, KeepsWhatIsMeantForEveryRecipient) {
  for (const std::string_view field : {"Host", "Content-Length", "Content-Type", "Authorization",
                                       "Cookie", "Set-Cookie", "Cache-Control", "Date", "Vary"}) {
    EXPECT_EQ(strip({{"Connection", field}, {field, "a"}}), std::string(field) + "=a");
  }
}

TEST(HopByHop, ObeysManyOptionsForManyFields) {
  std::string options;
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("X-" + std::to_string(i));
  for (int i = 0; i < 200; i += 2) options += names[static_cast<std::size_t>(i)] + ",";
  std::vector<Header> headers = {{"Connection", options}};
  for (const std::string& field : names) headers.push_back({field, "a"});
  remove_hop_by_hop(headers);
  ASSERT_EQ(headers.size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(headers[i].name, names[2 * i + 1]);
}

TEST(HopByHop, SaysWhatMayBeSaidAgain) {
  EXPECT_EQ(strip({{"TE", "gzip;q=0.5, Trailers"}, {"Connection", "TE"}}), "te");
  EXPECT_EQ(strip({{"TE", "xtrailers"}}), "");
  EXPECT_EQ(strip({{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}), "upgrade=websocket");
  EXPECT_EQ(strip({{"Connection", "keep-alive, upgrade"}, {"Upgrade", "a"}}), "upgrade=a");
  EXPECT_EQ(strip({{"Upgrade", "websocket"}}), "");
  EXPECT_EQ(strip({{"Connection", "upgrade"}}), "");
}

TEST(HopByHop, RemovesWhatAnEncoderWritesAnew) {
  std::vector<Header> headers = {{"HOST", "a"}, {"A", "b"}, {"content-length", "5"}};
  remove_rewritten(headers);
  ASSERT_EQ(headers.size(), 1U);
  EXPECT_EQ(headers[0].name, "A");
}

}  // namespace
}  // namespace finack::http
