#include "storm/response_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace finack::storm {
namespace {

std::vector<int> statuses(ResponseReader& reader) {
  std::vector<int> out;
  while (const auto status = reader.take()) out.push_back(*status);
  return out;
}

const std::string kStream =
    "HTTP/1.1 100 Continue\r\n\r\n"
    "HTTP/1.1 200 OK\r\nServer: x\r\nCONTENT-length: 5\r\n\r\nhello"
    "HTTP/1.1 204 No Content\r\n\r\n"
    "HTTP/1.1 500 Internal Server Error\r\nContent-Length:0\r\n\r\n";

TEST(ResponseReader, TakesPipelinedResponsesApartWhateverTheCut) {
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut) {
    ResponseReader reader;
    reader.feed(std::string_view(kStream).substr(0, cut));
    std::vector<int> seen = statuses(reader);
    reader.feed(std::string_view(kStream).substr(cut));
    for (const int status : statuses(reader)) seen.push_back(status);
    EXPECT_EQ(seen, (std::vector<int>{200, 204, 500})) << "cut at " << cut;
    EXPECT_FALSE(reader.broken());
  }
}

TEST(ResponseReader, WaitsForTheLastBodyByte) {
  ResponseReader reader;
  reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab");
  EXPECT_FALSE(reader.take());
  reader.feed("c");
  EXPECT_EQ(reader.take(), 200);
}

TEST(ResponseReader, RefusesWhatIsNoResponse) {
  for (const char* bytes : {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"}) {
    ResponseReader reader;
    reader.feed(bytes);
    EXPECT_TRUE(reader.broken()) << bytes;
    EXPECT_FALSE(reader.take());
  }
}

}  // namespace
}  // namespace finack::storm
