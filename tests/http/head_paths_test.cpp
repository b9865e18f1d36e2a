// The parser has a fast and a careful way to read fields; which one reads a line must not show.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/head_parser.h"
#include "http/line_ends.h"
#include "http/request_generator.h"
#include "http/verdict.h"

namespace finack::http::test {
namespace {

std::string read(std::string_view bytes, std::size_t capacity, const HeadLimits& limits) {
  HeadParser parser;
  RequestHead head;
  head.headers.reserve(capacity);
  head.host = "left over";
  const auto state = parser.parse(bytes, limits, head);
  std::string text = describe(state, parser, head);
  if (state == HeadParser::State::rejected) return text;
  for (const Header& field : head.headers) {
    text.append(" +").append(field.name).append("=").append(field.value);
  }
  return text.append(" ").append(std::to_string(parser.consumed()));
}

// A vector with more capacity than fields are allowed is filled by the careful way alone.
void expect_same_both_ways(std::string_view bytes, const HeadLimits& limits = {}) {
  // An allocation of its own, so that a sanitizer sees a read past the end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const std::string_view view(exact.data(), exact.size());
  ASSERT_EQ(read(view, 0, limits), read(view, limits.headers + 1, limits))
      << testing::PrintToString(std::string(bytes));
}

TEST(HeadPaths, AgreeOnGeneratedRequests) {
  RequestGenerator generator(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = generator.next();
    expect_same_both_ways(bytes);
    expect_same_both_ways(bytes.append(100, 'x'));
  }
}

TEST(HeadPaths, AgreeWhereverALineEndsInALook) {
  for (std::size_t padding = 0; padding < 140; ++padding) {
    const std::string start =
        "GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(padding + 1, 'v') + "\r\n";
    for (const std::string_view line :
         {"B: c\r\n", "Content-Length: 5\r\n", "B:\r\n", "B:c\r\n", "B: c \r\n", "B:  c\r\n",
          "B: \xc3\xa9\r\n", ": c\r\n", "B: c\n", "B: c\rd\r\n", "B : c\r\n", "\n", " b\r\n",
          "A-Name-Of-More-Than-Sixteen-Bytes: c\r\n", "Host: b\r\n"}) {
      const std::string bytes = start + std::string(line) + "C: d\r\n\r\n";
      for (std::size_t cut = 0; cut < 4; ++cut) {
        expect_same_both_ways(std::string_view(bytes).substr(0, bytes.size() - cut));
      }
      ASSERT_EQ(verdict(bytes), verdict_cut(bytes, start.size() + 1)) << padding << line;
    }
  }
}

TEST(HeadPaths, AgreeOnTheNumberOfFields) {
  HeadLimits limits;
  for (limits.headers = 0; limits.headers < 40; ++limits.headers) {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t fields = 1; fields < limits.headers; ++fields) bytes.append("A: b\r\n");
    expect_same_both_ways(bytes + "\r\n", limits);
    EXPECT_EQ(verdict(bytes + "\r\n", limits),
              limits.headers == 0 ? "too_many_headers" : "GET / @a 1.1 keep");
    expect_same_both_ways(bytes + "A: b\r\n\r\n", limits);
    EXPECT_EQ(verdict(bytes + "A: b\r\n\r\n", limits), "too_many_headers");
  }
}

TEST(HeadPaths, KeepNoHostOfAnEarlierRequest) {
  HeadParser parser;
  RequestHead head;
  const std::string first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(parser.parse(first, {}, head), HeadParser::State::done);
  parser.reset();
  const std::string second = "GET / HTTP/1.1\r\nAccept: */*\r\n";
  ASSERT_EQ(parser.parse(second, {}, head), HeadParser::State::need_more);
  EXPECT_EQ(head.host.data(), nullptr);
}

TEST(HeadPaths, ReadHostLines) {
  for (const std::string_view host : {"a",
                                      "127.0.0.1:8080",
                                      "a:1",
                                      "a:12",
                                      "a:123",
                                      "a:0080",
                                      "a:01234",
                                      "a:12345",
                                      "a:59999",
                                      "a:60000",
                                      "a:1234x",
                                      "a:65535",
                                      "a:65536",
                                      "a:123456",
                                      "a:",
                                      ":8080",
                                      "",
                                      "a:12x4",
                                      "a:/234",
                                      "a:123:",
                                      "a:1\xb0"
                                      "34",
                                      "a%41",
                                      "a b",
                                      "[::1]:8080",
                                      "a-name-of-more-than-sixteen-bytes.example:8080",
                                      "a-name-of-more-than-16\r"}) {
    const std::string bytes =
        "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\nAccept: */*\r\n\r\n";
    // With a field before it the line is no longer where the short cut looks.
    const std::string later =
        "GET / HTTP/1.1\r\nA: b\r\nHost: " + std::string(host) + "\r\nAccept: */*\r\n\r\n";
    expect_same_both_ways(bytes);
    EXPECT_EQ(verdict(bytes), verdict(later)) << host;
    // And where nothing follows it, or the head's end is missing.
    const std::string alone = "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n";
    expect_same_both_ways(alone + "\r\n");
    EXPECT_EQ(verdict(alone + "\r\n"), verdict(later)) << host;
    expect_same_both_ways(alone);
    EXPECT_EQ(verdict(alone), verdict(later.substr(0, later.size() - 15))) << host;
  }
}

TEST(LineEnds, AreFoundOnceEach) {
  for (std::size_t gap = 0; gap < 70; ++gap) {
    std::string text;
    std::vector<std::size_t> wanted;
    while (text.size() < 400) {
      text.append(gap, 'a');
      wanted.push_back(text.size());
      text.append("\r\n");
    }
    const ByteRange in{text.data(), text.data() + text.size()};
    LineEnds ends(in.begin);
    const char* behind = in.begin;
    std::size_t found = 0;
    while (const char* end = ends.find(in)) {
      if (end < behind) {  // The LF of a CR that was the last byte of a look.
        ends = LineEnds(behind);
        continue;
      }
      ends.drop_crlf();
      ASSERT_LT(found, wanted.size());
      ASSERT_EQ(end, in.begin + wanted[found]) << gap;
      behind = end + 2;
      ++found;
    }
#if defined(__SSSE3__)
    EXPECT_EQ(found, wanted.size());
#endif
  }
}

}  // namespace
}  // namespace finack::http::test
