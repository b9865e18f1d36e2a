// Runs one act N times and nothing else, so that a counter (callgrind, perf stat) sees its cost as
// the difference of two runs: parser_count <request name>|encode <N>.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "http/head_parser.h"
#include "micro/http_cases.h"

namespace finack::bench {
namespace {

int parse_often(const RequestCase& request, long times) {
  const http::HeadLimits limits;
  http::HeadParser parser;
  http::RequestHead head;
  for (long i = 0; i < times; ++i) {
    parser.reset();
    if (parser.parse(request.bytes, limits, head) != http::HeadParser::State::done) return 1;
  }
  return 0;
}

int encode_often(long times) {
  const http::ResponseHead head = usual_response();
  const http::EncodeContext context = usual_context();
  std::array<char, 1024> out;
  for (long i = 0; i < times; ++i) {
    if (!http::valid(head) || http::head_size_bound(head, context) > out.size()) return 1;
    if (http::encode_head(head, context, out.data()) == 0) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace finack::bench

int main(int argc, char** argv) {
  using namespace finack::bench;
  const std::string_view what = argc == 3 ? argv[1] : "";
  const long times = argc == 3 ? std::strtol(argv[2], nullptr, 10) : 0;
  if (what == "encode") return encode_often(times);
  for (const RequestCase& request : kRequests) {
    if (request.name == what) return parse_often(request, times);
  }
  std::fputs("usage: parser_count <request name>|encode <times>\n", stderr);
  return 2;
}
