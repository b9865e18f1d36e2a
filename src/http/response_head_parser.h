#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "finack/http/response_parser.h"
#include "http/head_reader.h"

namespace finack::http {

/// An incremental parser of one response head: HeadParser's counterpart, used the same way. Framing
/// is left to the caller, who knows the request.
class ResponseHeadParser
    : private HeadReader<ResponseHeadParser, ReceivedResponse, ResponseLimits> {
 public:
  using HeadReader::State;

  void reset() { *this = ResponseHeadParser(); }
  /// On done, `head` holds views into `bytes`, framing not yet set, and consumed() is where the
  /// body begins. On rejected, reject() says why.
  State parse(std::string_view bytes, const ResponseLimits& limits, ReceivedResponse& head);
  std::size_t consumed() const { return position_; }
  ResponseReject reject() const;
  /// True from the first byte on.
  bool begun() const { return begun_; }
  /// The status, once its line was read; 0 before.
  int status() const { return status_; }
  bool chunked() const { return has(Seen::transfer_encoding); }

 private:
  friend class HeadReader<ResponseHeadParser, ReceivedResponse, ResponseLimits>;
  /// The keys of the names that note_field knows, and of an empty name.
  static constexpr std::uint32_t kKeys = 1U << field_key('u', 7) | 1U << field_key('c', 10) |
                                         1U << field_key('k', 10) | 1U << field_key('c', 14) |
                                         1U << field_key('t', 17) | 1U << field_key(':', 0);

  void move_views(const ViewMove& move, ReceivedResponse& head);
  const char* parse_start_line(ByteRange in, const ResponseLimits& limits, ReceivedResponse& head);
  const char* parse_fields(const char* p, ByteRange in, const ResponseLimits& limits,
                           ReceivedResponse& head);
  bool note_field(ByteRange in, ReceivedResponse& head, std::string_view name,
                  std::string_view value);
  bool finish_head(ReceivedResponse& head);

  std::uint64_t content_length_ = 0;
  ResponseReject status_line_reject_ = ResponseReject::none;
  std::int16_t status_ = 0;
};

}  // namespace finack::http
