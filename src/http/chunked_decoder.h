#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "finack/http/message.h"
#include "finack/http/reject.h"

namespace finack::http {

struct ChunkLimits {
  std::uint64_t chunk_bytes = std::uint64_t{1} << 40;  ///< Largest size one chunk may announce.
  std::size_t extension_bytes = 256;                   ///< Of one chunk; 4 KiB over the whole body.
  std::size_t trailer_bytes = 8 * 1024;
  std::size_t trailers = 32;
};

/// Decodes chunked framing (RFC 9112 7.1), strictly, as a pure incremental function of bytes.
class ChunkedDecoder {
 public:
  struct Step {
    enum class Kind : std::uint8_t { need_more, data, end, rejected };
    Kind kind;
    std::size_t consumed;   ///< Bytes of the input to drop, `data` included.
    std::string_view data;  ///< For data: decoded bytes, a view into the input.
  };
  void reset();
  /// One step: call again with the rest of the input until need_more, end or rejected. After end or
  /// rejected every further step says the same and consumes nothing.
  Step step(std::string_view input, const ChunkLimits& limits);
  Reject reject() const { return reject_; }
  /// Valid after end until reset(); views into the decoder's own storage.
  const std::vector<Header>& trailers() const { return trailers_; }

 private:
  enum class State : std::uint8_t {
    size_first,  // At least one hex digit is due.
    size,
    extension_name_first,
    extension_name,
    extension_value_first,
    extension_token,
    extension_quoted,
    extension_escape,
    extension_after_quoted,
    size_lf,  // The CR of a size line was read.
    data,
    data_cr,
    data_lf,
    trailers,
    end,
    rejected
  };

  // False: refused.
  bool refuse(Reject reason);
  bool take_byte(char c, const ChunkLimits& limits);
  bool take_size_byte(char c, const ChunkLimits& limits);
  bool take_extension_byte(char c, const ChunkLimits& limits);
  bool count_extension_byte(const ChunkLimits& limits);
  bool read_trailer_lines(const ChunkLimits& limits);
  Step take_trailers(std::string_view input, const ChunkLimits& limits);

  std::uint64_t remaining_ = 0;  // Size being read, then data bytes left of the chunk.
  State state_ = State::size_first;
  Reject reject_ = Reject::none;
  std::uint8_t digits_ = 0;
  std::uint32_t extension_bytes_ = 0;
  std::uint32_t extension_bytes_all_ = 0;
  std::size_t trailer_position_ = 0;  // First byte of the first line not yet complete.
  std::size_t trailer_count_ = 0;
  std::string trailer_bytes_;
  std::vector<Header> trailers_;
};

}  // namespace finack::http
