#include "finack/http/response_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/response_transcript.h"

namespace finack::http::test {
namespace {

using namespace std::literals;

// Responses and what is learned from them; the words are explained in response_transcript.h.
struct ResponseCase {
  std::string_view bytes;
  std::string_view transcript;
  Method method = Method::get;
  bool upgrade = false;
};

constexpr ResponseCase kStatusLineCases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 1.1 length=0 keep end eof=unused"},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 1.1 length=0 keep end eof=unused"},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 1.1 length=0 keep end eof=unused"},
    {"HTTP/1.1 200  a\tb \xe9\r\nContent-Length: 0\r\n\r\n",
     "200 1.1 length=0 keep end eof=unused"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "200 1.0 length=0 last end eof=unused"},
    {"HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n", "599 1.1 length=0 keep end eof=unused"},
    {"HTTP/1.1 299 x\r\nContent-Length: 0\r\n\r\n", "299 1.1 length=0 keep end eof=unused"},
    // Cut short.
    {"", "eof=no_head"},
    {"H", "eof=head_truncated"},
    {"HTTP/1.1 20", "eof=head_truncated"},
    {"HTTP/1.1 200", "eof=head_truncated"},
    {"HTTP/1.1 200\r", "eof=head_truncated"},
    {"HTTP/1.1 200 OK\r\nA: b\r\n", "eof=head_truncated"},
    {"HTTP/1.1 200 OK\r\nA: b\r\n\r", "eof=head_truncated"},
    // Versions.
    {"HTTP/2.0 200 OK\r\n\r\n", "version_unsupported"},
    {"HTTP/1.2 200 OK\r\n\r\n", "version_unsupported"},
    {"HTTP/0.9 200 OK\r\n\r\n", "version_unsupported"},
    {"HTTP/1.10 200 OK\r\n\r\n", "version_invalid"},
    {"HTTP/11 200 OK\r\n\r\n", "version_invalid"},
    {"http/1.1 200 OK\r\n\r\n", "version_invalid"},
    {"HTTPS/1.1 200 OK\r\n\r\n", "version_invalid"},
    {" HTTP/1.1 200 OK\r\n\r\n", "version_invalid"},
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", "version_invalid"},
    {"ICY 200 OK\r\n\r\n", "version_invalid"},
    {"<html>", "version_invalid"},
    {"\x15\x03\x01\x00\x02\x02\x50"sv, "version_invalid"},
    {"HTTP/1.1\r\n\r\n", "version_invalid"},
    {"HTTP/1.1\t200 OK\r\n\r\n", "version_invalid"},
    {"H\0TP"sv, "version_invalid"},
    {"\rH", "status_line_bare_cr"},
    {"\n", "status_line_bare_lf"},
    {"HTTP/1.1\n", "status_line_bare_lf"},
    {"HTTP/1.1\rX", "status_line_bare_cr"},
    // Status codes.
    {"HTTP/1.1  200 OK\r\n\r\n", "status_invalid"},
    {"HTTP/1.1 \r\n", "status_invalid"},
    {"HTTP/1.1 20\r\n", "status_invalid"},
    {"HTTP/1.1 20 OK\r\n", "status_invalid"},
    {"HTTP/1.1 2000 OK\r\n", "status_invalid"},
    {"HTTP/1.1 099 OK\r\n", "status_invalid"},
    {"HTTP/1.1 000 OK\r\n", "status_invalid"},
    {"HTTP/1.1 600 OK\r\n", "status_invalid"},
    {"HTTP/1.1 999 OK\r\n", "status_invalid"},
    {"HTTP/1.1 +20 OK\r\n", "status_invalid"},
    {"HTTP/1.1 2x0 OK\r\n", "status_invalid"},
    {"HTTP/1.1 200\tOK\r\n", "status_invalid"},
    {"HTTP/1.1 200OK\r\n", "status_invalid"},
    {"HTTP/1.1 200\n", "status_line_bare_lf"},
    {"HTTP/1.1 200\rX", "status_line_bare_cr"},
    {"HTTP/1.1 2\n", "status_line_bare_lf"},
    // Reason phrases.
    {"HTTP/1.1 200 O\0K\r\n"sv, "reason_phrase_invalid"},
    {"HTTP/1.1 200 O\x7fK\r\n", "reason_phrase_invalid"},
    {"HTTP/1.1 200 O\x1bK\r\n", "reason_phrase_invalid"},
    {"HTTP/1.1 200 OK\n", "status_line_bare_lf"},
    {"HTTP/1.1 200 OK\r\r\n", "status_line_bare_cr"},
};

constexpr ResponseCase kFieldCases[] = {
    {"HTTP/1.1 204 x\r\nX-A: b\r\nX-B:c\r\nX-C:\r\nX-D:\t d \t\r\n\r\n",
     "204 1.1 none keep X-A=b X-B=c X-C= X-D=d end eof=unused"},
    {"HTTP/1.1 204 x\r\nA : b\r\n\r\n", "header_name_space_before_colon"},
    {"HTTP/1.1 204 x\r\n A: b\r\n\r\n", "header_obs_fold"},
    {"HTTP/1.1 204 x\r\nA: b\r\n c\r\n\r\n", "header_obs_fold"},
    {"HTTP/1.1 204 x\r\nA: b\r\n\tc\r\n\r\n", "header_obs_fold"},
    {"HTTP/1.1 204 x\r\nA: b\0c\r\n\r\n"sv, "header_value_control"},
    {"HTTP/1.1 204 x\r\nA: b\x0b\r\n\r\n", "header_value_control"},
    {"HTTP/1.1 204 x\r\nA: b\rc\r\n\r\n", "header_bare_cr"},
    {"HTTP/1.1 204 x\r\nA: b\n\r\n", "header_bare_lf"},
    {"HTTP/1.1 204 x\r\nA: b\r\n\n", "header_bare_lf"},
    {"HTTP/1.1 204 x\r\nA: b\r\n\rX", "header_bare_cr"},
    {"HTTP/1.1 204 x\r\nA\r\n\r\n", "header_no_colon"},
    {"HTTP/1.1 204 x\r\n: b\r\n\r\n", "header_name_invalid"},
    {"HTTP/1.1 204 x\r\nA(: b\r\n\r\n", "header_name_invalid"},
    {"HTTP/1.1 204 x\r\nA\0: b\r\n\r\n"sv, "header_name_invalid"},
    {"HTTP/1.1 204 x\r\n\xc3\xa9: b\r\n\r\n", "header_name_invalid"},
};

constexpr ResponseCase kFramingCases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
     "200 1.1 length=5 keep |hello end eof=unused"},
    {"HTTP/1.1 200 OK\r\ncontent-LENGTH: 05\r\n\r\nhello",
     "200 1.1 length=5 keep |hello end eof=unused"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
     "200 1.1 length=5 keep |hell eof=body_truncated"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 1.1 length=5 keep eof=body_truncated"},
    {"HTTP/1.1 200 OK\r\n\r\nhello", "200 1.1 until_close last |hello eof=body_complete"},
    {"HTTP/1.1 200 OK\r\n\r\n", "200 1.1 until_close last eof=body_complete"},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx",
     "200 1.0 until_close last |x eof=body_complete"},
    {"HTTP/1.1 404 x\r\n\r\nhello", "404 1.1 until_close last |hello eof=body_complete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
     "200 1.1 chunked keep |hello end eof=unused"},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n1;a=b\r\nx\r\n0\r\nT: u\r\n\r\n",
     "200 1.1 chunked keep |x ~T=u end eof=unused"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
     "200 1.1 chunked keep |hello eof=body_truncated"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
     "200 1.1 chunked keep |hello eof=body_truncated"},
    // No body, whatever the fields say.
    {"HTTP/1.1 204 x\r\n\r\n", "204 1.1 none keep end eof=unused"},
    {"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", "204 1.1 none=5 keep end eof=unused"},
    {"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "204 1.1 none keep end extra"},
    {"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", "304 1.1 none=5 keep end eof=unused"},
    {"HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n", "304 1.1 none keep end eof=unused"},
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n", "200 1.1 none=5 keep end eof=unused",
     Method::head},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", "200 1.1 none keep end eof=unused",
     Method::head},
    {"HTTP/1.1 200 x\r\n\r\n", "200 1.1 none keep end eof=unused", Method::head},
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\nhello", "200 1.1 none=5 keep end extra",
     Method::head},
    // A body like any other's.
    {"HTTP/1.1 205 x\r\nContent-Length: 0\r\n\r\n", "205 1.1 length=0 keep end eof=unused"},
    {"HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nno", "403 1.1 length=2 keep |no end eof=unused",
     Method::connect},
    // CONNECT.
    {"HTTP/1.1 200 x\r\n\r\nanything", "200 1.1 tunnel last tunnel", Method::connect},
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n", "200 1.1 tunnel=5 last tunnel",
     Method::connect},
    {"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", "204 1.1 tunnel last tunnel",
     Method::connect},
    // Contradictions.
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "content_length_repeated"},
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "content_length_repeated"},
    {"HTTP/1.1 200 x\r\nContent-Length: 5, 5\r\n\r\n", "content_length_repeated"},
    {"HTTP/1.1 200 x\r\nContent-Length: 5,6\r\n\r\n", "content_length_repeated"},
    {"HTTP/1.1 200 x\r\nContent-Length:\r\n\r\n", "content_length_invalid"},
    {"HTTP/1.1 200 x\r\nContent-Length: -5\r\n\r\n", "content_length_invalid"},
    {"HTTP/1.1 200 x\r\nContent-Length: +5\r\n\r\n", "content_length_invalid"},
    {"HTTP/1.1 200 x\r\nContent-Length: 5 6\r\n\r\n", "content_length_invalid"},
    {"HTTP/1.1 200 x\r\nContent-Length: 0x5\r\n\r\n", "content_length_invalid"},
    {"HTTP/1.1 200 x\r\nContent-Length: 9223372036854775808\r\n\r\n", "content_length_invalid"},
    {"HTTP/1.1 204 x\r\nContent-Length: a\r\n\r\n", "content_length_invalid"},
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     "content_length_with_transfer_encoding"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
     "content_length_with_transfer_encoding"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer_encoding_unsupported"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: identity\r\n\r\n", "transfer_encoding_unsupported"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding:\r\n\r\n", "transfer_encoding_unsupported"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "transfer_encoding_unsupported"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: xchunked\r\n\r\n", "transfer_encoding_unsupported"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
     "transfer_encoding_not_final_chunked"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     "transfer_encoding_repeated_chunked"},
    {"HTTP/1.0 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer_encoding_in_http10"},
    // Broken bodies.
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n",
     "200 1.1 chunked keep chunk_size_invalid"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n10000000001\r\n",
     "200 1.1 chunked keep chunk_size_too_large"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5; a\r\n",
     "200 1.1 chunked keep chunk_extension_invalid"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy",
     "200 1.1 chunked keep |x chunk_data_end_missing"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
     "200 1.1 chunked keep trailer_invalid"},
};

constexpr ResponseCase kConnectionCases[] = {
    {"HTTP/1.1 204 x\r\nConnection: close\r\n\r\n", "204 1.1 none last close end eof=unused"},
    {"HTTP/1.1 204 x\r\nConnection: keep-alive\r\n\r\n", "204 1.1 none keep end eof=unused"},
    {"HTTP/1.1 204 x\r\nconnection: Keep-Alive, CLOSE\r\n\r\n",
     "204 1.1 none last close end eof=unused"},
    {"HTTP/1.1 204 x\r\nConnection: a\r\nConnection: ,close,\r\n\r\n",
     "204 1.1 none last close end eof=unused"},
    {"HTTP/1.1 204 x\r\nConnection: closed\r\n\r\n", "204 1.1 none keep end eof=unused"},
    {"HTTP/1.0 204 x\r\n\r\n", "204 1.0 none last end eof=unused"},
    {"HTTP/1.0 204 x\r\nConnection: Keep-Alive\r\n\r\n", "204 1.0 none keep end eof=unused"},
    {"HTTP/1.0 204 x\r\nConnection: keep-alive, close\r\n\r\n",
     "204 1.0 none last close end eof=unused"},
    {"HTTP/1.1 426 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
     "426 1.1 length=0 keep upgrade end eof=unused"},
    {"HTTP/1.1 204 x\r\nKeep-Alive: timeout=5\r\n\r\n",
     "204 1.1 none keep timeout=5 end eof=unused"},
    {"HTTP/1.1 204 x\r\nConnection: keep-alive\r\nKeep-Alive: Timeout = 5 , MAX=100\r\n\r\n",
     "204 1.1 none keep timeout=5 max=100 end eof=unused"},
    {"HTTP/1.1 204 x\r\nKeep-Alive: max=0\r\n\r\n", "204 1.1 none keep max=0 end eof=unused"},
    {"HTTP/1.1 204 x\r\nKeep-Alive: timeout=9,timeout=7\r\nKeep-Alive: timeout=8\r\n\r\n",
     "204 1.1 none keep timeout=7 end eof=unused"},
    {"HTTP/1.1 204 x\r\nKeep-Alive: timeout=99999999999\r\n\r\n",
     "204 1.1 none keep timeout=31536000 end eof=unused"},
    {"HTTP/1.1 204 x\r\nKeep-Alive: timeout=-1, max=+2, timeout, =3, a=4, timeout=5s\r\n\r\n",
     "204 1.1 none keep end eof=unused"},
    {"HTTP/1.1 204 x\r\nKeep-Alive: 300\r\n\r\n", "204 1.1 none keep end eof=unused"},
};

constexpr std::string_view kFinal = "HTTP/1.1 204 x\r\n\r\n";

constexpr ResponseCase kInterimCases[] = {
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     "100 1.1 none keep; 200 1.1 length=2 keep |ok end eof=unused"},
    {"HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
     "103 1.1 none keep; 102 1.1 none keep; 204 1.1 none keep end eof=unused"},
    // Nothing of an interim response outlives it.
    {"HTTP/1.1 100 x\r\nContent-Length: 5\r\nConnection: close\r\nKeep-Alive: max=1\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     "100 1.1 none=5 last close max=1; 200 1.1 length=2 keep |ok end eof=unused"},
    {"HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 x\r\n\r\nok",
     "103 1.1 none=5 keep; 200 1.1 until_close last |ok eof=body_complete"},
    {"HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 x\r\n\r\nok",
     "103 1.1 none keep; 200 1.1 until_close last |ok eof=body_complete"},
    {"HTTP/1.1 100 x\r\n\r\n", "100 1.1 none keep;  eof=no_head"},
    {"HTTP/1.1 100 x\r\n\r\nHTT", "100 1.1 none keep;  eof=head_truncated"},
    // Known to be none of a final head.
    {"HTTP/1.1 103 x\r\nLink", "eof=no_head"},
    {"HTTP/1.1 100 x\r\n\r\n\r\n", "100 1.1 none keep;  version_invalid"},
    {"HTTP/1.1 100 x\r\n\r\n", "100 1.1 none keep;  eof=no_head", Method::connect},
    {"HTTP/1.1 101 x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n", "upgrade_not_requested"},
    {"HTTP/1.1 101 x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n\x81",
     "101 1.1 tunnel last upgrade tunnel", Method::get, true},
    {"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 101 x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n",
     "100 1.1 none keep; 101 1.1 tunnel last upgrade tunnel", Method::get, true},
    {"HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n", "upgrade_field_missing", Method::get, true},
    {"HTTP/1.1 101 x\r\nUpgrade: a\r\n\r\n", "upgrade_field_missing", Method::get, true},
    {"HTTP/1.0 101 x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n", "upgrade_field_missing",
     Method::get, true},
    {"HTTP/1.1 101 x\r\nUpgrade: a\r\n", "eof=head_truncated", Method::get, true},
    // Only to what was asked for; the version is between the two of them.
    {"HTTP/1.1 101 x\r\nUpgrade: A/2\r\nConnection: upgrade\r\n\r\n",
     "101 1.1 tunnel last upgrade tunnel", Method::get, true},
    {"HTTP/1.1 101 x\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n", "upgrade_to_another",
     Method::get, true},
    {"HTTP/1.1 101 x\r\nUpgrade: a, b\r\nConnection: upgrade\r\n\r\n", "upgrade_to_another",
     Method::get, true},
    {"HTTP/1.1 101 x\r\nUpgrade: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n",
     "upgrade_to_another", Method::get, true},
    {"HTTP/1.1 101 x\r\nUpgrade: ,\r\nConnection: upgrade\r\n\r\n", "upgrade_to_another",
     Method::get, true},
    {"HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n", "200 1.1 length=0 keep end eof=unused",
     Method::get, true},
    // Behind the response.
    {"HTTP/1.1 204 x\r\n\r\nHTTP/1.1 204 x\r\n\r\n", "204 1.1 none keep end extra"},
    {"HTTP/1.1 204 x\r\n\r\n\r\n", "204 1.1 none keep end extra"},
    {"HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nokay", "200 1.1 length=2 keep |ok end extra"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n0",
     "200 1.1 chunked keep end extra"},
};

class Table : public testing::TestWithParam<std::span<const ResponseCase>> {};

TEST_P(Table, IsWhatTheParserSays) {
  for (const ResponseCase& c : GetParam()) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.bytes)));
    EXPECT_EQ(transcript(c.bytes, {c.method, c.upgrade}), c.transcript);
  }
}

TEST_P(Table, IsTheSameHoweverTheBytesAreCut) {
  for (const ResponseCase& c : GetParam()) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.bytes)));
    const Asked asked{c.method, c.upgrade};
    for (std::size_t first = 0; first <= c.bytes.size(); ++first) {
      ASSERT_EQ(transcript(c.bytes, asked, {first}), c.transcript) << "cut at " << first;
      const std::vector<std::size_t> equal(c.bytes.size() / (first + 1), first + 1);
      ASSERT_EQ(transcript(c.bytes, asked, equal), c.transcript) << "pieces of " << first + 1;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(ResponseParser, Table,
                         testing::Values(std::span(kStatusLineCases), std::span(kFieldCases),
                                         std::span(kFramingCases), std::span(kConnectionCases),
                                         std::span(kInterimCases)));

TEST(ResponseParser, HoldsItsLimits) {
  const std::string head = "HTTP/1.1 204 x\r\nA: b\r\nC: d\r\n\r\n";
  const std::string chunked =
      "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n8;abc\r\n12345678\r\n0\r\nA: b\r\nC: "
      "d\r\n\r\n";
  const std::string interims = "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\n\r\n" + std::string(kFinal);
  const auto end = "end eof=unused"sv;
  struct LimitCase {
    std::string_view bytes;
    ResponseLimits limits;
    std::string_view ending;
  };
  const LimitCase cases[] = {
      {head, {.head_bytes = head.size()}, end},
      {head, {.head_bytes = head.size() - 1}, "head_too_large"},
      {head, {.head_bytes = 1}, "head_too_large"},
      {head, {.headers = 2}, end},
      {head, {.headers = 1}, "too_many_headers"},
      {head, {.headers = 0}, "too_many_headers"},
      {interims, {.interims = 2}, end},
      {interims, {.interims = 1}, "too_many_interims"},
      {interims, {.interims = 0}, "too_many_interims"},
      {chunked, {.chunk_bytes = 8}, end},
      {chunked, {.chunk_bytes = 7}, "chunk_size_too_large"},
      {chunked, {.chunk_extension_bytes = 4}, end},
      {chunked, {.chunk_extension_bytes = 3}, "chunk_extension_too_long"},
      {chunked, {.trailer_bytes = 14}, end},
      {chunked, {.trailer_bytes = 13}, "trailers_too_large"},
      {chunked, {.trailers = 2}, end},
      {chunked, {.trailers = 1}, "trailers_too_large"},
  };
  for (const LimitCase& c : cases) {
    const Asked asked{.limits = c.limits};
    const std::string whole = transcript(c.bytes, asked);
    EXPECT_TRUE(whole.ends_with(c.ending)) << whole << " instead of " << c.ending;
    for (std::size_t cut = 0; cut <= c.bytes.size(); ++cut) {
      EXPECT_EQ(transcript(c.bytes, asked, {cut}), whole) << cut;
    }
  }
}

TEST(ResponseParser, HasTheLimitsOfItsDocumentation) {
  const ResponseLimits limits;
  std::string fields;
  for (int i = 0; i < 256; ++i) fields += "A: b\r\n";
  EXPECT_EQ(transcript("HTTP/1.1 204 x\r\n" + fields + "\r\n"), "204 1.1 none keep end eof=unused");
  EXPECT_EQ(transcript("HTTP/1.1 204 x\r\n" + fields + "A: b\r\n\r\n"), "too_many_headers");
  const std::string around = "HTTP/1.1 204 x\r\nA: \r\n\r\n";
  const std::string value(limits.head_bytes - around.size(), 'v');
  EXPECT_EQ(limits.head_bytes, 65536U);
  EXPECT_EQ(transcript("HTTP/1.1 204 x\r\nA: " + value + "\r\n\r\n"),
            "204 1.1 none keep end eof=unused");
  EXPECT_EQ(transcript("HTTP/1.1 204 x\r\nA: v" + value + "\r\n\r\n"), "head_too_large");
}

TEST(ResponseParser, CopiesNothing) {
  const std::string_view bytes = "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nhello";
  ResponseParser parser;
  ReceivedResponse head;
  parser.begin(Method::get);
  auto step = parser.step(bytes, {}, head);
  ASSERT_EQ(step.kind, ResponseParser::Step::Kind::head);
  EXPECT_EQ(head.reason, "Fine");
  EXPECT_EQ(head.reason.data(), bytes.data() + 13);
  EXPECT_EQ(head.header("content-length"), "5");
  EXPECT_EQ(head.header("Content-Length").data(), bytes.data() + bytes.find('5'));
  EXPECT_EQ(head.header("date").data(), nullptr);
  EXPECT_EQ(parser.remaining(), 5U);
  step = parser.step(bytes.substr(step.consumed), {}, head);
  ASSERT_EQ(step.kind, ResponseParser::Step::Kind::data);
  EXPECT_EQ(step.data.data(), bytes.data() + bytes.size() - 5);
  EXPECT_EQ(parser.remaining(), 0U);
}

TEST(ResponseParser, ServesOneRequestAfterAnother) {
  using Kind = ResponseParser::Step::Kind;
  ResponseParser parser;
  ReceivedResponse head;
  EXPECT_TRUE(parser.idle());
  EXPECT_EQ(parser.step("", {}, head).kind, Kind::need_more);
  const auto unsolicited = parser.step("HTTP/1.1 408 x\r\n", {}, head);
  EXPECT_EQ(unsolicited.kind, Kind::extra);
  EXPECT_EQ(unsolicited.consumed, 0U);
  EXPECT_EQ(unsolicited.data, "HTTP/1.1 408 x\r\n");
  for (int i = 0; i < 3; ++i) {
    parser.begin(Method::get);
    EXPECT_FALSE(parser.idle());
    EXPECT_FALSE(parser.in_head());
    EXPECT_EQ(parser.step("HTTP/1.1", {}, head).kind, Kind::need_more);
    EXPECT_TRUE(parser.in_head());
    ASSERT_EQ(parser.step(kFinal, {}, head).kind, Kind::head);
    EXPECT_FALSE(parser.in_head());
    EXPECT_EQ(parser.step("", {}, head).kind, Kind::end);
    EXPECT_TRUE(parser.idle());
  }
  parser.begin(Method::get);
  EXPECT_EQ(parser.step("x", {}, head).kind, Kind::rejected);
  EXPECT_EQ(parser.step(kFinal, {}, head).kind, Kind::rejected);
  EXPECT_EQ(parser.end_of_stream(), ResponseParser::EndOfStream::rejected);
  parser.begin(Method::get);
  EXPECT_EQ(parser.reject(), ResponseReject::none);
  EXPECT_EQ(parser.step(kFinal, {}, head).kind, Kind::head);
}

TEST(ResponseParser, ForgetsTheResponseBefore) {
  using Kind = ResponseParser::Step::Kind;
  const ResponseLimits limits{.interims = 1};
  ResponseParser parser;
  ReceivedResponse head;
  for (int i = 0; i < 3; ++i) {
    std::string_view rest =
        "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\nx\r\n0\r\nT: u\r\n\r\n";
    parser.begin(Method::get);
    for (const Kind kind : {Kind::interim, Kind::head, Kind::data, Kind::end}) {
      const auto step = parser.step(rest, limits, head);
      ASSERT_EQ(step.kind, kind);
      rest.remove_prefix(step.consumed);
    }
    EXPECT_EQ(parser.trailers().size(), 1U);
  }
  // One that was given up in the middle of its body.
  parser.begin(Method::get);
  const std::string_view cut = "HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\nhe";
  ASSERT_EQ(parser.step(cut, limits, head).kind, Kind::head);
  EXPECT_EQ(parser.end_of_stream(), ResponseParser::EndOfStream::body_truncated);
  EXPECT_TRUE(parser.idle());
  parser.begin(Method::head);
  EXPECT_EQ(parser.remaining(), 0U);
  EXPECT_TRUE(parser.trailers().empty());
  ASSERT_EQ(parser.step("HTTP/1.1 200 x\r\n\r\n", limits, head).kind, Kind::head);
  EXPECT_FALSE(head.content_length.has_value());
}

TEST(ResponseParser, MovesViewsWithTheBytes) {
  const std::string all = "HTTP/1.1 200 Fine\r\nA-Name: a value\r\nB: c\r\n\r\n";
  for (std::size_t cut = 0; cut < all.size(); ++cut) {
    ResponseParser parser;
    ReceivedResponse head;
    parser.begin(Method::head);
    {
      const std::string first = all.substr(0, cut);
      ASSERT_EQ(parser.step(first, {}, head).kind, ResponseParser::Step::Kind::need_more);
    }
    ASSERT_EQ(parser.step(all, {}, head).kind, ResponseParser::Step::Kind::head);
    ASSERT_EQ(head.headers.size(), 2U);
    EXPECT_EQ(head.reason.data(), all.data() + all.find("Fine")) << cut;
    EXPECT_EQ(head.headers[0].name.data(), all.data() + all.find("A-Name")) << cut;
    EXPECT_EQ(head.headers[0].value.data(), all.data() + all.find("a value")) << cut;
    EXPECT_EQ(head.headers[1].value.data(), all.data() + all.find("c\r")) << cut;
  }
}

TEST(ResponseParser, KeepsTheCapacityForFields) {
  ResponseParser parser;
  ReceivedResponse head;
  const Header* storage = nullptr;
  for (int i = 0; i < 3; ++i) {
    parser.begin(Method::head);
    parser.step("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n", {}, head);
    ASSERT_EQ(head.headers.size(), 2U);
    EXPECT_TRUE(storage == nullptr || storage == head.headers.data());
    storage = head.headers.data();
  }
}

TEST(ResponseReject, HasANameAndACauseForEveryReason) {
  EXPECT_EQ(name(ResponseReject::status_invalid), "status_invalid");
  EXPECT_EQ(cause(ResponseReject::status_invalid), record::Cause::upstream_bad_head);
  EXPECT_EQ(cause(ResponseReject::header_obs_fold), record::Cause::upstream_bad_head);
  EXPECT_EQ(cause(ResponseReject::too_many_headers), record::Cause::upstream_head_too_large);
  EXPECT_EQ(cause(ResponseReject::trailers_too_large), record::Cause::upstream_head_too_large);
  EXPECT_EQ(cause(ResponseReject::content_length_repeated), record::Cause::upstream_bad_framing);
  EXPECT_EQ(cause(ResponseReject::chunk_size_invalid), record::Cause::upstream_bad_framing);
}

}  // namespace
}  // namespace finack::http::test
