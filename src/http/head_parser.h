#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "finack/http/message.h"
#include "finack/http/reject.h"
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
class HeadParser {
 public:
  enum class State : std::uint8_t { need_more, done, rejected };

  void reset() { *this = HeadParser(); }
  /// On done, `head` holds views into `bytes`, and consumed() is where the body begins. On
  /// rejected, reject() says why, and method_name/target in `head` are set if they were read.
  State parse(std::string_view bytes, const HeadLimits& limits, RequestHead& head);
  std::size_t consumed() const { return position_; }
  Reject reject() const { return reject_; }
  /// False while only leading CRLFs (RFC 9112 2.2) have been seen.
  bool begun() const { return begun_; }

 private:
  enum class Stage : std::uint8_t { request_line, fields, done, rejected };
  enum class Seen : std::uint16_t {  // What the lines read so far have said.
    http10 = 1 << 0,
    absolute_form = 1 << 1,
    host = 1 << 2,
    content_length = 1 << 3,
    transfer_encoding = 1 << 4,
    close = 1 << 5,
    keep_alive = 1 << 6,
    connection_upgrade = 1 << 7,
    upgrade = 1 << 8,
    expect_continue = 1 << 9
  };

  bool has(Seen what) const { return (seen_ & static_cast<std::uint16_t>(what)) != 0; }
  void note(Seen what) { seen_ |= static_cast<std::uint16_t>(what); }
  void rebase(std::string_view bytes, RequestHead& head);
  bool refuse(Reject reason);
  const char* skip_empty_lines(const char* p, const char* end);
  // These return what lies behind what they read; nullptr: more bytes are needed, or stage_ is
  // rejected.
  const char* parse_request_line(ByteRange in, const HeadLimits& limits, RequestHead& head);
  const char* begin_head(const char* p, ByteRange in, const HeadLimits& limits, RequestHead& head);
  const char* read_other_line(const char* p, ByteRange in, const HeadLimits& limits,
                              RequestHead& head);
  const char* parse_fields(const char* p, ByteRange in, const HeadLimits& limits,
                           RequestHead& head);
  const char* parse_fields_one_by_one(const char* p, ByteRange in, std::size_t limit,
                                      RequestHead& head);
  const char* parse_host_line(const char* p, ByteRange in, std::size_t limit, RequestHead& head);
  const char* parse_other_field(const char* p, ByteRange in, std::size_t limit, RequestHead& head);
  // False: refused.
  bool finish_head(RequestHead& head);
  bool finish_other_head(RequestHead& head);
  // In head_fields.cpp.
  bool note_field(ByteRange in, RequestHead& head, std::string_view name, std::string_view value);
  bool note_host(ByteRange in, RequestHead& head, std::string_view value);
  bool note_content_length(RequestHead& head, std::string_view value);
  bool note_transfer_encoding(std::string_view value);
  void note_connection(std::string_view value);
  bool note_expect(std::string_view value);

  std::size_t position_ = 0;    // First byte of the first line not yet complete.
  const char* base_ = nullptr;  // Where the bytes lay at the last call.
  std::size_t base_size_ = 0;
  Reject reject_ = Reject::none;
  Stage stage_ = Stage::request_line;
  std::uint16_t seen_ = 0;  // Bits of Seen.
  bool begun_ = false;
};

}  // namespace finack::http
