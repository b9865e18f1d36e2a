#include "http/encoder.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace finack::http {
namespace {

using namespace std::literals;

std::string encode(const ResponseHead& head, const EncodeContext& context) {
  const std::size_t bound = head_size_bound(head, context);
  std::string out(bound, '#');
  const std::size_t size = encode_head(head, context, out.data());
  EXPECT_LE(size, bound);
  out.resize(size);
  return out;
}

EncodeContext length_context(std::uint64_t length) {
  EncodeContext context;
  context.has_length = true;
  context.length = length;
  return context;
}

ResponseHead with_status(int status) {
  ResponseHead head;
  head.status = status;
  return head;
}

TEST(Encoder, WritesTheUsualHead) {
  ResponseHead head;
  head.content_type = "text/plain";
  EncodeContext context = length_context(13);
  context.keep_alive = "timeout=75";
  context.date = "Tue, 24 Nov 2026 06:51:21 GMT";
  EXPECT_EQ(encode(head, context),
            "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 06:51:21 GMT\r\nContent-Type: text/plain\r\n"
            "Content-Length: 13\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\n");
}

TEST(Encoder, WritesNoSecondServerField) {
  constexpr std::array kTheirs = {Header{.name = "server", .value = "theirs"}};
  ResponseHead head;
  head.headers = kTheirs;
  EncodeContext context = length_context(0);
  context.server = "ours";
  EXPECT_EQ(encode(head, context),
            "HTTP/1.1 200 OK\r\nserver: theirs\r\nContent-Length: 0\r\n\r\n");
}

TEST(Encoder, WritesUsualHeadsAsAllOthers) {
  const std::string too_long(60, 'x');
  for (const std::string_view server : {""sv, "finack"sv, std::string_view(too_long)}) {
    for (const std::string_view keep_alive : {""sv, "timeout=75"sv, std::string_view(too_long)}) {
      UsualHead usual;
      EncodeContext context;
      context.has_length = true;
      context.date = "Tue, 24 Nov 2026 06:51:21 GMT";
      context.server = server;
      context.keep_alive = keep_alive;
      usual.assign(context.date, server, keep_alive);
      ResponseHead head;
      head.content_type = "a/b";
      ASSERT_EQ(usual.fits(head), server != too_long && keep_alive != too_long);
      if (!usual.fits(head)) continue;
      for (const std::string_view type : {"a/b"sv, "text/plain; charset=utf-8"sv}) {
        head.content_type = type;
        for (const std::uint64_t length : {0UL, 13UL, 100UL, ~0UL}) {
          context.length = length;
          std::string out(UsualHead::kSizeBound + type.size(), '#');
          out.resize(static_cast<std::size_t>(usual.encode(type, length, out.data()) - out.data()));
          EXPECT_EQ(out, encode(head, context));
        }
      }
    }
  }
}

TEST(Encoder, KnowsWhichHeadsAreUsual) {
  UsualHead usual;
  ResponseHead head;
  head.content_type = "a/b";
  EXPECT_FALSE(usual.fits(head));  // unset
  usual.assign("Tue, 24 Nov 2026 06:51:21 GMT", "", "");
  EXPECT_TRUE(usual.fits(head));
  const auto fits = [&](auto change) {
    ResponseHead other = head;
    change(other);
    return usual.fits(other);
  };
  const std::array<Header, 1> date{Header{"Date", "mine"}};
  EXPECT_FALSE(fits([](ResponseHead& other) { other.status = 201; }));
  EXPECT_FALSE(fits([](ResponseHead& other) { other.reason = "Fine"; }));
  EXPECT_FALSE(fits([](ResponseHead& other) { other.content_type = ""; }));
  EXPECT_FALSE(fits([&](ResponseHead& other) { other.headers = date; }));
}

TEST(Encoder, FramesAsTheStatusAllows) {
  EXPECT_EQ(encode(with_status(200), length_context(0)),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(encode(with_status(204), length_context(5)), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(encode(with_status(304), length_context(5)), "HTTP/1.1 304 Not Modified\r\n\r\n");
  EXPECT_EQ(encode(with_status(205), {}),
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
  EncodeContext chunked;
  chunked.chunked = true;
  EXPECT_EQ(encode(with_status(200), chunked),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(encode(with_status(204), chunked), "HTTP/1.1 204 No Content\r\n\r\n");
  chunked.minor = 0;
  chunked.close = true;
  EXPECT_EQ(encode(with_status(200), chunked), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  // A HEAD response says what GET would have said.
  EncodeContext to_head = length_context(18'446'744'073'709'551'615U);
  to_head.head_request = true;
  EXPECT_EQ(encode(with_status(200), to_head),
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n");
  for (const int status : {100, 101, 103, 199, 204, 304}) EXPECT_TRUE(is_bodiless(status));
  for (const int status : {200, 205, 206, 301, 404, 500}) EXPECT_FALSE(is_bodiless(status));
}

TEST(Encoder, SaysWhatHappensToTheConnection) {
  EncodeContext context = length_context(0);
  context.keep_alive = "timeout=75";
  context.close = true;
  EXPECT_EQ(encode(with_status(200), context),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EncodeContext old = length_context(0);
  old.minor = 0;
  EXPECT_EQ(encode(with_status(200), old),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(Encoder, LetsHeadersReplaceDateAndContentType) {
  const std::array headers = {Header{"date", "x"}, Header{"CONTENT-TYPE", "a/b"},
                              Header{"Set-Cookie", "c=d"}, Header{"Empty", {}}};
  ResponseHead head;
  head.headers = headers;
  head.content_type = "text/plain";
  EncodeContext context = length_context(1);
  context.date = "Tue, 24 Nov 2026 06:51:21 GMT";
  EXPECT_TRUE(valid(head));
  EXPECT_EQ(encode(head, context),
            "HTTP/1.1 200 OK\r\ndate: x\r\nCONTENT-TYPE: a/b\r\nSet-Cookie: c=d\r\nEmpty: \r\n"
            "Content-Length: 1\r\n\r\n");
}

TEST(Encoder, WritesAnyStatus) {
  EXPECT_EQ(encode(with_status(299), length_context(0)),
            "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
  ResponseHead head = with_status(200);
  head.reason = "Fine";
  EXPECT_EQ(encode(head, length_context(0)), "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
  for (int status = 200; status < 600; ++status) {
    const std::string line =
        "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) + "\r\n";
    EXPECT_TRUE(encode(with_status(status), {}).starts_with(line)) << status;
  }
}

TEST(Encoder, HoldsItsBoundForTheLargestHead) {
  const std::string big(5000, 'v');
  const std::vector<Header> headers(50, Header{"Name", big});
  ResponseHead head = with_status(511);
  head.headers = headers;
  head.content_type = big;
  head.reason = big;
  EncodeContext context = length_context(~std::uint64_t{0});
  context.keep_alive = big;
  context.date = "Tue, 24 Nov 2026 06:51:21 GMT";
  EXPECT_TRUE(encode(head, context).ends_with("\r\n\r\n"));
}

TEST(Encoder, RefusesWhatWouldSplitTheResponse) {
  const Header bad[] = {
      {"X", "a\r\nSet-Cookie: evil=1"},
      {"X", "a\r\n\r\nHTTP/1.1 200 OK"},
      {"X", "a\nb"},
      {"X", "a\rb"},
      {"X", "a\0b"sv},
      {"X", "\x01"},
      {"X", "\x7f"},
      {"X", "\x1b[31m"},
      {"X", "0123456789abcdef\n"},
      {"", "a"},
      {"X:", "a"},
      {"X Y", "a"},
      {"X\r\nY", "a"},
      {"X\n", "a"},
      {"X\0"sv, "a"},
      {"\xc3\xa4", "a"},
      {" X", "a"},
      {"Content-Length", "5"},
      {"content-length", "5"},
      {"Transfer-Encoding", "chunked"},
      {"TRANSFER-ENCODING", "gzip"},
      {"Connection", "close"},
      {"Keep-Alive", "timeout=5"},
      {"Proxy-Connection", "close"},
  };
  for (const Header& field : bad) {
    SCOPED_TRACE(testing::PrintToString(std::string(field.name) + ": " + std::string(field.value)));
    const std::array headers = {Header{"Good", "value"}, field};
    ResponseHead head;
    head.headers = headers;
    EXPECT_FALSE(valid(head));
    EXPECT_FALSE(valid(head.headers));
    EXPECT_FALSE(valid_trailers(head.headers));
  }
  for (const std::string_view text : {"a\r\nb"sv, "a\nb"sv, "a\0"sv, "\x7f"sv}) {
    ResponseHead head;
    head.reason = text;
    EXPECT_FALSE(valid(head));
    head = {};
    head.content_type = text;
    EXPECT_FALSE(valid(head));
  }
  for (const int status : {-1, 0, 100, 199, 600, 1000}) EXPECT_FALSE(valid(with_status(status)));
}

TEST(Encoder, AcceptsEveryByteThatAValueMayHold) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string value(3, static_cast<char>(byte));
    const std::array headers = {Header{"X", value}};
    const bool allowed = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    EXPECT_EQ(valid(std::span<const Header>(headers)), allowed) << byte;
  }
}

TEST(Encoder, RefusesTrailersThatFrameOrAuthenticate) {
  EXPECT_TRUE(valid_trailers(std::array{Header{"X-Sum", "1"}, Header{"grpc-status", "0"}}));
  for (const char* forbidden : {"Host", "Content-Type", "Set-Cookie", "Trailer", "Authorization"}) {
    EXPECT_FALSE(valid_trailers(std::array{Header{forbidden, "x"}})) << forbidden;
  }
}

TEST(Encoder, WritesInterimResponses) {
  std::array<char, 512> out;
  std::size_t size = encode_interim(100, {}, out.data());
  EXPECT_EQ(std::string_view(out.data(), size), "HTTP/1.1 100 Continue\r\n\r\n");
  const std::array hints = {Header{"Link", "</a.css>; rel=preload"}};
  size = encode_interim(103, hints, out.data());
  EXPECT_LE(size, interim_size_bound(hints));
  EXPECT_EQ(std::string_view(out.data(), size),
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
  const std::array upgrade = {Header{"Upgrade", "websocket"}};
  size = encode_interim(101, upgrade, out.data());
  EXPECT_EQ(
      std::string_view(out.data(), size),
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

TEST(Encoder, WritesChunkSizesAndTheLastChunk) {
  std::array<char, 64> out;
  const auto chunk = [&out](std::uint64_t value) {
    return std::string(out.data(), encode_chunk_size(value, out.data()));
  };
  EXPECT_EQ(chunk(1), "1\r\n");
  EXPECT_EQ(chunk(8000), "1f40\r\n");
  EXPECT_EQ(chunk(~std::uint64_t{0}), "ffffffffffffffff\r\n");
  EXPECT_EQ(std::string_view(out.data(), encode_last_chunk({}, out.data())), "0\r\n\r\n");
  const std::array trailers = {Header{"A", "b"}};
  const std::size_t size = encode_last_chunk(trailers, out.data());
  EXPECT_EQ(size, last_chunk_size_bound(trailers));
  EXPECT_EQ(std::string_view(out.data(), size), "0\r\nA: b\r\n\r\n");
}

TEST(Encoder, FormatsDates) {
  const auto date = [](std::int64_t seconds) {
    std::string out(29, '#');
    format_date(seconds, out.data());
    return out;
  };
  EXPECT_EQ(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(951'782'399), "Mon, 28 Feb 2000 23:59:59 GMT");
  EXPECT_EQ(date(951'782'400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date(253'402'300'799), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(date(-5), "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace finack::http
