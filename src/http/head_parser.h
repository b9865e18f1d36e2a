#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "finack/http/message.h"
#include "finack/http/reject.h"

namespace finack::http {

struct ByteRange;

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

  void reset();
  /// On done, `head` holds views into `bytes`, and consumed() is where the body begins. On
  /// rejected, reject() says why, and method_name/target in `head` are set if they were read.
  State parse(std::string_view bytes, const HeadLimits& limits, RequestHead& head);
  std::size_t consumed() const { return position_; }
  Reject reject() const { return reject_; }
  /// False while only leading CRLFs (RFC 9112 2.2) have been seen.
  bool begun() const { return begun_; }

 private:
  enum class Stage : std::uint8_t { request_line, fields, done, rejected };
  struct Seen {  // What the fields read so far have said.
    bool absolute_form : 1 = false;
    bool host : 1 = false;
    bool content_length : 1 = false;
    bool transfer_encoding : 1 = false;
    bool close : 1 = false;
    bool keep_alive : 1 = false;
    bool connection_upgrade : 1 = false;
    bool upgrade : 1 = false;
    bool expect_continue : 1 = false;
  };

  void rebase(std::string_view bytes, RequestHead& head);
  bool refuse(Reject reason);
  const char* skip_empty_lines(const char* p, const char* end);
  // False: more bytes are needed, or stage_ is rejected.
  bool parse_request_line(const ByteRange& in, const HeadLimits& limits, RequestHead& head);
  bool parse_fields(const ByteRange& in, const HeadLimits& limits, RequestHead& head);
  bool finish_head(RequestHead& head);
  // False: refused. In head_fields.cpp.
  bool note_field(const ByteRange& in, RequestHead& head, const Header& field);
  bool note_host(const ByteRange& in, RequestHead& head, std::string_view value);
  bool note_content_length(RequestHead& head, std::string_view value);
  bool note_transfer_encoding(std::string_view value);
  void note_connection(std::string_view value);
  bool note_expect(std::string_view value);

  std::size_t position_ = 0;    // First byte of the first line not yet complete.
  const char* base_ = nullptr;  // Where the bytes lay at the last call.
  std::size_t base_size_ = 0;
  Reject reject_ = Reject::none;
  Stage stage_ = Stage::request_line;
  Seen seen_;
  std::uint8_t minor_ = 1;
  bool begun_ = false;
};

}  // namespace finack::http
