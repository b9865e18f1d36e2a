// Chunked bodies: the decoded bytes, the verdict and the end do not depend on how the bytes arrive.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/require.h"
#include "http/chunked_decoder.h"

namespace {

using finack::http::ChunkedDecoder;
using finack::http::ChunkLimits;
using Kind = ChunkedDecoder::Step::Kind;

struct Outcome {
  Kind kind = Kind::need_more;
  finack::http::Reject reject{};
  std::size_t consumed = 0;
  std::string data;
  std::vector<std::string> trailers;
};

Outcome decode(std::string_view input, std::size_t step, const ChunkLimits& limits) {
  ChunkedDecoder decoder;
  Outcome out;
  while (out.consumed < input.size()) {
    const std::string_view piece = input.substr(out.consumed, step);
    const auto bytes = std::make_unique<char[]>(piece.size());
    piece.copy(bytes.get(), piece.size());
    const ChunkedDecoder::Step taken = decoder.step({bytes.get(), piece.size()}, limits);
    require(taken.consumed <= piece.size(), "consumed");
    out.kind = taken.kind;
    if (taken.kind != Kind::rejected) out.consumed += taken.consumed;
    if (taken.kind == Kind::data) {
      require(!taken.data.empty() && taken.data.data() >= bytes.get() &&
                  taken.data.data() + taken.data.size() == bytes.get() + taken.consumed,
              "data inside the input");
      out.data.append(taken.data);
    }
    if (taken.kind == Kind::need_more) require(taken.consumed == piece.size(), "takes all it can");
    if (taken.kind == Kind::end || taken.kind == Kind::rejected) break;
  }
  out.reject = decoder.reject();
  if (out.kind == Kind::data) out.kind = Kind::need_more;
  if (out.kind == Kind::end) {
    for (const auto& field : decoder.trailers()) {
      out.trailers.push_back(std::string(field.name) + ":" + std::string(field.value));
    }
    require(out.trailers.size() <= limits.trailers, "trailer count");
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[0] % 32U + 1;
  const bool tight = (data[1] & 1) != 0;
  const ChunkLimits limits =
      tight
          ? ChunkLimits{.chunk_bytes = 64, .extension_bytes = 8, .trailer_bytes = 24, .trailers = 1}
          : ChunkLimits{};
  const std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  const Outcome whole = decode(input, input.size(), limits);
  const Outcome cut = decode(input, step, limits);
  require(whole.kind == cut.kind && whole.reject == cut.reject, "same verdict");
  require(whole.data == cut.data && whole.trailers == cut.trailers, "same content");
  if (whole.kind == Kind::end) require(whole.consumed == cut.consumed, "same end");
  return 0;
}
