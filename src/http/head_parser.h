#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "finack/http/message.h"
#include "finack/http/reject.h"
#include "http/head_reader.h"
#include "http/scan.h"

namespace finack::http {

struct HeadLimits {
  std::size_t head_bytes = 32 * 1024;  ///< Request line, fields and the empty line.
  std::size_t headers = 128;
  std::size_t target_bytes = 8 * 1024;
};

/// An incremental parser of one request head: a pure function of the bytes seen so far. Feed it all
/// bytes of the head received so far, from the head's first byte on; the address of the bytes may
/// change between calls. Complete lines are scanned once.
class HeadParser : private HeadReader<HeadParser, RequestHead, HeadLimits> {
 public:
  using HeadReader::State;

  void reset() { *this = HeadParser(); }
  /// On done, `head` holds views into `bytes`, and consumed() is where the body begins. On
  /// rejected, reject() says why, and method_name/target in `head` are set if they were read.
  State parse(std::string_view bytes, const HeadLimits& limits, RequestHead& head);
  std::size_t consumed() const { return position_; }
  Reject reject() const { return reject_; }
  /// False while only leading CRLFs (RFC 9112 2.2) have been seen.
  bool begun() const { return begun_; }

 private:
  friend class HeadReader<HeadParser, RequestHead, HeadLimits>;
  /// The keys of the names that note_field knows, and of an empty name.
  static constexpr std::uint32_t kKeys = 1U << field_key('h', 4) | 1U << field_key('e', 6) |
                                         1U << field_key('u', 7) | 1U << field_key('c', 10) |
                                         1U << field_key('c', 14) | 1U << field_key('t', 17) |
                                         1U << field_key(':', 0);

  void move_views(const ViewMove& move, RequestHead& head);
  const char* skip_empty_lines(const char* p, const char* end);
  // These return what lies behind what they read; nullptr: more bytes are needed, or stage_ is
  // rejected.
  const char* parse_start_line(ByteRange in, const HeadLimits& limits, RequestHead& head);
  const char* begin_head(const char* p, ByteRange in, const HeadLimits& limits, RequestHead& head);
  const char* read_other_line(const char* p, ByteRange in, const HeadLimits& limits,
                              RequestHead& head);
  const char* parse_fields(const char* p, ByteRange in, const HeadLimits& limits,
                           RequestHead& head);
  const char* parse_host_line(const char* p, ByteRange in, std::size_t limit, RequestHead& head);
  // False: refused.
  bool finish_head(RequestHead& head);
  bool finish_other_head(RequestHead& head);
  // In head_fields.cpp.
  bool note_field(ByteRange in, RequestHead& head, std::string_view name, std::string_view value);
  bool note_host(ByteRange in, RequestHead& head, std::string_view value);
  bool note_expect(std::string_view value);
};

}  // namespace finack::http
