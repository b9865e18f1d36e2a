#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "finack/http/reject.h"

namespace finack::http {

/// How far the reading of a head is and what its field lines have said so far: what request and
/// response heads have in common.
class HeadState {
 protected:
  enum class Stage : std::uint8_t { start_line, fields, done, rejected };
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
  // These return false when the head is refused.
  bool refuse(Reject reason);
  /// Notes a field that acts on requests and responses alike; any other is let pass.
  bool note_shared_field(std::string_view name, std::string_view value, std::uint64_t& length);
  bool note_content_length(std::uint64_t& length, std::string_view value);
  bool note_transfer_encoding(std::string_view value);
  void note_connection(std::string_view value);
  /// Whether the connection may go on after this message (RFC 9112 9.3).
  bool keeps_alive() const {
    return !has(Seen::close) && (!has(Seen::http10) || has(Seen::keep_alive));
  }
  /// RFC 9110 7.8: it means nothing on HTTP/1.0.
  bool upgrades() const {
    return !has(Seen::http10) && has(Seen::upgrade) && has(Seen::connection_upgrade);
  }

  std::size_t position_ = 0;    // First byte of the first line not yet complete.
  const char* base_ = nullptr;  // Where the bytes lay at the last call.
  std::size_t base_size_ = 0;
  Reject reject_ = Reject::none;
  Stage stage_ = Stage::start_line;
  std::uint16_t seen_ = 0;  // Bits of Seen.
  bool begun_ = false;
};

}  // namespace finack::http
