#include "http/chunked_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace finack::http {
namespace {

using namespace std::literals;
using Kind = ChunkedDecoder::Step::Kind;

/// What the decoder makes of bytes that arrive in pieces of `piece`: "data|name=value|…" and "+n"
/// for n bytes left over, or a reason, or "need_more".
std::string decode(std::string_view input, std::size_t piece, const ChunkLimits& limits = {}) {
  ChunkedDecoder decoder;
  std::string out;
  std::size_t used = 0;
  while (used < input.size()) {
    const std::string bytes(input.substr(used, piece));
    const auto step = decoder.step(bytes, limits);
    if (step.kind == Kind::rejected) return std::string(name(decoder.reject()));
    used += step.consumed;
    out.append(step.data);
    if (step.kind != Kind::end) continue;
    for (const Header& field : decoder.trailers()) {
      out.append("|").append(field.name).append("=").append(field.value);
    }
    if (used != input.size()) out.append("+").append(std::to_string(input.size() - used));
    return out;
  }
  return "need_more";
}

struct ChunkCase {
  std::string_view bytes;
  std::string_view verdict;
};

constexpr ChunkCase kCases[] = {
    {"0\r\n\r\n", ""},
    {"5\r\nhello\r\n0\r\n\r\n", "hello"},
    {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
    {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
    {"0000000000000005\r\nhello\r\n000\r\n\r\n", "hello"},
    {"5\r\nhello\r\n0\r\n\r\nGET /", "hello+5"},
    {"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
    // Not finished.
    {"5", "need_more"},
    {"5\r", "need_more"},
    {"5\r\nhell", "need_more"},
    {"5\r\nhello\r\n", "need_more"},
    {"0\r\n", "need_more"},
    {"0\r\n\r", "need_more"},
    {"0\r\nA: b\r\n", "need_more"},
    // Sizes.
    {"\r\n", "chunk_size_invalid"},
    {"+5\r\nhello", "chunk_size_invalid"},
    {"-5\r\nhello", "chunk_size_invalid"},
    {"0x5\r\nhello", "chunk_size_invalid"},
    {" 5\r\nhello", "chunk_size_invalid"},
    {"5 \r\nhello", "chunk_size_invalid"},
    {"5\t\r\nhello", "chunk_size_invalid"},
    {"5\nhello", "chunk_size_invalid"},
    {"5\rhello", "chunk_size_invalid"},
    {"5\r\rhello", "chunk_size_invalid"},
    {"g\r\n", "chunk_size_invalid"},
    {";a\r\n", "chunk_size_invalid"},
    {"5,\r\n", "chunk_size_invalid"},
    {"\0"sv, "chunk_size_invalid"},
    {"00000000000000005\r\n", "chunk_size_invalid"},
    {"10000000000000000\r\n", "chunk_size_invalid"},
    {"ffffffffffffffff\r\n", "chunk_size_too_large"},
    {"10000000001\r\n", "chunk_size_too_large"},
    {"10000000001;a\r\n", "chunk_size_too_large"},
    // Data ends.
    {"5\r\nhelloX", "chunk_data_end_missing"},
    {"5\r\nhello\n", "chunk_data_end_missing"},
    {"5\r\nhello\rX", "chunk_data_end_missing"},
    {"5\r\nhello0\r\n", "chunk_data_end_missing"},
    // Extensions.
    {"5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello"},
    {"5;a=b;c=\"d;\\\"\r\";e\r\nhello", "chunk_extension_invalid"},
    {"5;a=b;c=\"d; \\\"e\";f\r\nhello\r\n0\r\n\r\n", "hello"},
    {"5;a=\"\"\r\nhello\r\n0\r\n\r\n", "hello"},
    {"5;\r\nhello", "chunk_extension_invalid"},
    {"5;;\r\n", "chunk_extension_invalid"},
    {"5; a\r\n", "chunk_extension_invalid"},
    {"5;a \r\n", "chunk_extension_invalid"},
    {"5;a=\r\n", "chunk_extension_invalid"},
    {"5;=b\r\n", "chunk_extension_invalid"},
    {"5;a=b=c\r\n", "chunk_extension_invalid"},
    {"5;a=\"b\"c\r\n", "chunk_extension_invalid"},
    {"5;a\nhello", "chunk_extension_invalid"},
    {"5;a=\"b\nc\"\r\n", "chunk_extension_invalid"},
    {"5;a=\"b\x01\"\r\n", "chunk_extension_invalid"},
    {"5;a\rX", "chunk_size_invalid"},
    {"5;\0\r\n"sv, "chunk_extension_invalid"},
    // Trailers.
    {"0\r\nA: b\r\n\r\n", "|A=b"},
    {"1\r\nx\r\n0\r\nA: b\r\nC:\t d \r\n\r\n+", "x|A=b|C=d+1"},
    {"0\r\nContent-Length: 5\r\n\r\n", "trailer_invalid"},
    {"0\r\ntransfer-encoding: chunked\r\n\r\n", "trailer_invalid"},
    {"0\r\nHOST: a\r\n\r\n", "trailer_invalid"},
    {"0\r\nAuthorization: x\r\n\r\n", "trailer_invalid"},
    {"0\r\nA: b\n\r\n", "trailer_invalid"},
    {"0\r\nA : b\r\n\r\n", "trailer_invalid"},
    {"0\r\nA: b\r\n c\r\n\r\n", "trailer_invalid"},
    {"0\r\nA\r\n\r\n", "trailer_invalid"},
    {"0\r\n\n", "trailer_invalid"},
    {"0\r\n\rX", "trailer_invalid"},
    {"0\r\nA: b\0\r\n\r\n"sv, "trailer_invalid"},
};

TEST(ChunkedDecoder, SaysWhatTheTableSays) {
  for (const ChunkCase& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.bytes)));
    EXPECT_EQ(decode(c.bytes, c.bytes.size()), c.verdict);
  }
}

TEST(ChunkedDecoder, SaysTheSameHoweverTheBytesAreCut) {
  for (const ChunkCase& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.bytes)));
    for (std::size_t piece = 1; piece < c.bytes.size(); ++piece) {
      EXPECT_EQ(decode(c.bytes, piece), c.verdict) << "pieces of " << piece;
    }
  }
}

TEST(ChunkedDecoder, HoldsItsLimits) {
  const auto sized = [](std::size_t extension) {
    return "1;" + std::string(extension - 1, 'x') + "\r\nd\r\n0\r\n\r\n";
  };
  EXPECT_EQ(decode(sized(256), 64), "d");
  EXPECT_EQ(decode(sized(257), 64), "chunk_extension_too_long");
  std::string many;
  for (int i = 0; i < 17; ++i) many += "1;" + std::string(255, 'x') + "\r\nd\r\n";
  EXPECT_EQ(decode(many + "0\r\n\r\n", 4096), "chunk_extension_too_long");
  EXPECT_EQ(decode("9\r\n", 3, {.chunk_bytes = 8}), "chunk_size_too_large");
  EXPECT_EQ(decode("8\r\n", 3, {.chunk_bytes = 8}), "need_more");
  const std::string trailers = "0\r\nA: b\r\nC: d\r\n\r\n";
  for (std::size_t piece = 1; piece < trailers.size(); ++piece) {
    EXPECT_EQ(decode(trailers, piece, {.trailer_bytes = 14}), "|A=b|C=d");
    EXPECT_EQ(decode(trailers, piece, {.trailer_bytes = 13}), "trailers_too_large");
    EXPECT_EQ(decode(trailers, piece, {.trailers = 2}), "|A=b|C=d");
    EXPECT_EQ(decode(trailers, piece, {.trailers = 1}), "trailers_too_large");
  }
}

TEST(ChunkedDecoder, GivesDataWithoutCopyingAndStaysAtItsEnd) {
  ChunkedDecoder decoder;
  const std::string_view input = "5\r\nhello\r\n0\r\n\r\nrest";
  auto step = decoder.step(input, {});
  ASSERT_EQ(step.kind, Kind::data);
  EXPECT_EQ(step.data.data(), input.data() + 3);
  EXPECT_EQ(step.consumed, 8U);
  step = decoder.step(input.substr(8), {});
  ASSERT_EQ(step.kind, Kind::end);
  EXPECT_EQ(step.consumed, 7U);
  step = decoder.step("rest", {});
  EXPECT_EQ(step.kind, Kind::end);
  EXPECT_EQ(step.consumed, 0U);
  decoder.reset();
  EXPECT_EQ(decoder.step("x", {}).kind, Kind::rejected);
  EXPECT_EQ(decoder.step("0\r\n\r\n", {}).kind, Kind::rejected);
}

}  // namespace
}  // namespace finack::http
