// Time per request head parsed and per response head encoded.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "http/chunked_decoder.h"
#include "http/head_parser.h"
#include "micro/http_cases.h"

namespace finack::bench {
namespace {

void parse_head(benchmark::State& state) {
  const RequestCase& request = kRequests[static_cast<std::size_t>(state.range(0))];
  const http::HeadLimits limits;
  http::HeadParser parser;
  http::RequestHead head;
  for (auto _ : state) {
    parser.reset();
    if (parser.parse(request.bytes, limits, head) != http::HeadParser::State::done) {
      state.SkipWithError("refused");
      break;
    }
    benchmark::DoNotOptimize(head.headers.data());
  }
  state.SetLabel(std::string(request.name));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(request.bytes.size()));
}
BENCHMARK(parse_head)->DenseRange(0, static_cast<int>(kRequests.size()) - 1);

void encode_head(benchmark::State& state) {
  const http::ResponseHead head = usual_response();
  const http::EncodeContext context = usual_context();
  std::array<char, 1024> out;
  for (auto _ : state) {
    if (!http::valid(head) || http::head_size_bound(head, context) > out.size()) {
      state.SkipWithError("refused");
      break;
    }
    benchmark::DoNotOptimize(http::encode_head(head, context, out.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(encode_head);

void decode_chunks(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 16; ++i) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
  body += "0\r\n\r\n";
  http::ChunkedDecoder decoder;
  const http::ChunkLimits limits;
  for (auto _ : state) {
    decoder.reset();
    std::string_view rest = body;
    for (;;) {
      const auto step = decoder.step(rest, limits);
      rest.remove_prefix(step.consumed);
      if (step.kind != http::ChunkedDecoder::Step::Kind::data) break;
      benchmark::DoNotOptimize(step.data.data());
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(decode_chunks);

}  // namespace
}  // namespace finack::bench

BENCHMARK_MAIN();
