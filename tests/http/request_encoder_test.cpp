#include "finack/http/request_encoder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/encoder.h"
#include "http/verdict.h"

namespace finack::http::test {
namespace {

using namespace std::literals;

/// The encoded head, or why there is none. The buffer has exactly the size that was promised.
std::string encode(const OutgoingRequest& request) {
  if (const RequestFault fault = check(request); fault != RequestFault::none) {
    return std::string(name(fault));
  }
  std::vector<char> out(request_size_bound(request));
  const std::size_t size = encode_request(request, out.data());
  EXPECT_LE(size, out.size());
  return {out.data(), size};
}

TEST(RequestEncoder, WritesHostFirstAndFramingLast) {
  const Header headers[] = {{"Accept", "*/*"}, {"x-empty", ""}, {"Cookie", "a=b"}};
  EXPECT_EQ(encode({.target = "/p?q", .host = "a:80", .headers = headers}),
            "GET /p?q HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\nx-empty: \r\nCookie: a=b\r\n\r\n");
  EXPECT_EQ(encode({.method = "POST",
                    .host = "a",
                    .headers = headers,
                    .framing = Framing::length,
                    .content_length = 18446744073709551615U,
                    .close = true}),
            "POST / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nx-empty: \r\nCookie: a=b\r\n"
            "Content-Length: 18446744073709551615\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(encode({.method = "PUT", .host = "a", .framing = Framing::chunked}),
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(RequestEncoder, SaysThatABodyIsEmptyWhereOneIsExpected) {
  for (const std::string_view method : {"POST", "PUT", "PATCH"}) {
    EXPECT_EQ(encode({.method = method, .host = "a"}),
              std::string(method) + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  }
  for (const std::string_view method : {"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "BREW"}) {
    EXPECT_EQ(encode({.method = method, .host = "a"}),
              std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
  }
}

TEST(RequestEncoder, NamesConnectionFieldsInConnection) {
  EXPECT_EQ(encode({.host = "a", .upgrade = "websocket"}),
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  EXPECT_EQ(encode({.host = "a", .te_trailers = true}),
            "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
  EXPECT_EQ(encode({.host = "a", .close = true, .te_trailers = true, .upgrade = "h2c, x/1"}),
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, x/1\r\nTE: trailers\r\n"
            "Connection: close, TE, upgrade\r\n\r\n");
}

struct TargetCase {
  std::string_view method;
  std::string_view target;
  std::string_view host;
  RequestFault fault;
};

constexpr auto kOk = RequestFault::none;
constexpr auto kBadTarget = RequestFault::target_invalid;
constexpr auto kBadHost = RequestFault::host_invalid;
constexpr auto kOtherHost = RequestFault::host_not_authority;

constexpr TargetCase kTargetCases[] = {
    // origin-form
    {"GET", "/", "a", kOk},
    {"GET", "//a/b;c=d?e=f?g", "a", kOk},
    {"GET", "/%41", "[::1]:80", kOk},
    {"GET", "/", "", kOk},
    {"GET", "", "a", kBadTarget},
    {"GET", "a", "a", kBadTarget},
    {"GET", "?q", "a", kBadTarget},
    {"GET", "/a b", "a", kBadTarget},
    {"GET", "/ HTTP/1.1\r\nX: y", "a", kBadTarget},
    {"GET", "/\r", "a", kBadTarget},
    {"GET", "/\n", "a", kBadTarget},
    {"GET", "/?\t", "a", kBadTarget},
    {"GET", "/\0"sv, "a", kBadTarget},
    {"GET", "/#f", "a", kBadTarget},
    {"GET", "/\x7f", "a", kBadTarget},
    {"GET", "/\xc3\xa9", "a", kBadTarget},
    {"GET", "/a\\b", "a", kBadTarget},
    {"GET", "/", "a b", kBadHost},
    {"GET", "/", "a\r\nX: y", kBadHost},
    {"GET", "/", "u@a", kBadHost},
    {"GET", "/", "a:x", kBadHost},
    // absolute-form
    {"GET", "http://a/p?q", "a", kOk},
    {"GET", "HTTPS://A:443", "a:443", kOk},
    {"GET", "http://a?q", "a", kOk},
    {"GET", "http://a/", "b", kOtherHost},
    {"GET", "http://a/", "", kOtherHost},
    {"GET", "http://a:80/", "a", kOtherHost},
    {"GET", "http:///p", "", kBadTarget},
    {"GET", "http://u@a/", "a", kBadTarget},
    {"GET", "ftp://a/", "a", kBadTarget},
    {"GET", "http://a/ b", "a", kBadTarget},
    // asterisk-form
    {"OPTIONS", "*", "a", kOk},
    {"GET", "*", "a", kBadTarget},
    {"OPTIONS", "*a", "a", kBadTarget},
    // authority-form
    {"CONNECT", "a:443", "a:443", kOk},
    {"CONNECT", "[::1]:443", "[::1]:443", kOk},
    {"CONNECT", "a:443", "b:443", kOtherHost},
    {"CONNECT", "a", "a", kBadTarget},
    {"CONNECT", "a:", "a:", kBadTarget},
    {"CONNECT", ":443", ":443", kBadTarget},
    {"CONNECT", "443", "443", kBadTarget},
    {"CONNECT", "", "", kBadTarget},
    {"CONNECT", "[::1]", "[::1]", kBadTarget},
    {"CONNECT", "a:65536", "a:65536", kBadTarget},
    {"CONNECT", "/", "a", kBadTarget},
    {"GET", "a:443", "a:443", kBadTarget},
};

TEST(RequestEncoder, ChecksTargetAndHost) {
  for (const TargetCase& c : kTargetCases) {
    EXPECT_EQ(name(check({.method = c.method, .target = c.target, .host = c.host})), name(c.fault))
        << c.method << " " << c.target << " @" << c.host;
  }
}

TEST(RequestEncoder, LetsNoFieldSplitTheRequest) {
  const auto fault = [](Header header) {
    return name(check({.host = "a", .headers = std::span(&header, 1)}));
  };
  EXPECT_EQ(fault({"A", "b c\t\xe9"}), "none");
  for (const std::string_view value : {"\r\nX: y"sv, "a\r"sv, "\n"sv, "\0"sv, "\x7f"sv, "\x1b"sv}) {
    EXPECT_EQ(fault({"A", value}), "header_value_invalid");
    EXPECT_EQ(name(check({.host = "a", .upgrade = value})), "header_value_invalid");
  }
  for (const std::string_view field : {""sv, "A "sv, "A:"sv, "A\r\nB"sv, "\xc3\xa9"sv, "A\0"sv}) {
    EXPECT_EQ(fault({field, "b"}), "header_name_invalid");
  }
  for (const std::string_view field : {"host", "Content-Length", "TRANSFER-ENCODING", "Connection",
                                       "Keep-Alive", "Proxy-Connection", "TE", "Upgrade"}) {
    EXPECT_EQ(fault({field, "b"}), "header_reserved");
  }
  for (const std::string_view method : {""sv, "GET "sv, "G\r\n"sv, "G:"sv, "G\0"sv}) {
    EXPECT_EQ(name(check({.method = method, .host = "a"})), "method_invalid");
  }
}

TEST(RequestEncoder, GivesNoBodyToConnectAndTrace) {
  EXPECT_EQ(encode({.method = "TRACE", .host = "a", .framing = Framing::chunked}),
            "framing_invalid");
  EXPECT_EQ(encode({.method = "CONNECT",
                    .target = "a:1",
                    .host = "a:1",
                    .framing = Framing::length,
                    .content_length = 1}),
            "framing_invalid");
  EXPECT_EQ(encode({.method = "CONNECT", .target = "a:1", .host = "a:1"}),
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
}

TEST(RequestEncoder, WritesWhatTheRequestParserTakes) {
  const Header headers[] = {{"Accept", "*/*"}};
  EXPECT_EQ(verdict(encode({.method = "POST",
                            .target = "http://h:80/p?q",
                            .host = "h:80",
                            .headers = headers,
                            .framing = Framing::length,
                            .content_length = 7,
                            .close = true})),
            "POST /p ?q @h:80 1.1 length=7 close");
  EXPECT_EQ(verdict(encode({.host = "h", .te_trailers = true, .upgrade = "a"})),
            "GET / @h 1.1 keep upgrade");
  for (const TargetCase& c : kTargetCases) {
    const std::string text = encode({.method = c.method, .target = c.target, .host = c.host});
    if (c.fault != kOk || c.method == "CONNECT") continue;
    EXPECT_TRUE(verdict(text).ends_with(" 1.1 keep")) << text;
  }
}

TEST(RequestEncoder, EndsAChunkedBodyWithTrailers) {
  const Header trailers[] = {{"Digest", "x"}};
  ASSERT_TRUE(valid_trailers(trailers));
  std::vector<char> out(last_chunk_size_bound(trailers));
  EXPECT_EQ(std::string_view(out.data(), encode_last_chunk(trailers, out.data())),
            "0\r\nDigest: x\r\n\r\n");
}

}  // namespace
}  // namespace finack::http::test
