#include "http/head_state.h"

#include <limits>

#include "http/ascii.h"
#include "http/scan.h"

namespace finack::http {

bool HeadState::refuse(Reject reason) {
  reject_ = reason;
  stage_ = Stage::rejected;
  return false;
}

bool HeadState::note_shared_field(std::string_view field, std::string_view value,
                                  std::uint64_t& length) {
  const char* name = field.data();
  switch (field.size()) {
    case 0:
      return refuse(Reject::header_name_invalid);
    case 7:
      if (is_field(name, "upgrade")) note(Seen::upgrade);
      return true;
    case 10:
      if (is_field(name, "connection")) note_connection(value);
      return true;
    case 14:
      return !is_field(name, "content-length") || note_content_length(length, value);
    case 17:
      return !is_field(name, "transfer-encoding") || note_transfer_encoding(value);
    default:
      return true;
  }
}

bool HeadState::note_content_length(std::uint64_t& out, std::string_view value) {
  if (has(Seen::content_length)) return refuse(Reject::content_length_repeated);
  if (has(Seen::transfer_encoding)) return refuse(Reject::content_length_with_transfer_encoding);
  note(Seen::content_length);
  if (value.empty()) return refuse(Reject::content_length_invalid);
  // Signed so that no arithmetic behind us can wrap.
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!scan::is_digit(static_cast<unsigned char>(c))) {
      // RFC 9112 6.3: "5, 5" may be what a repeated field was joined to.
      return refuse(c == ',' ? Reject::content_length_repeated : Reject::content_length_invalid);
    }
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (kMax - digit) / 10) return refuse(Reject::content_length_invalid);
    length = length * 10 + digit;
  }
  out = length;
  return true;
}

bool HeadState::note_transfer_encoding(std::string_view value) {
  if (has(Seen::http10)) return refuse(Reject::transfer_encoding_in_http10);
  if (has(Seen::content_length)) return refuse(Reject::content_length_with_transfer_encoding);
  const bool chunked_before = has(Seen::transfer_encoding);
  note(Seen::transfer_encoding);
  if (!chunked_before && equals_lower(value, "chunked")) return true;
  unsigned chunked = chunked_before ? 1 : 0;
  bool chunked_last = false;
  std::string_view member;
  while (take_list_member(value, member)) {
    chunked_last = equals_lower(member, "chunked");
    if (chunked_last) ++chunked;
  }
  if (chunked > 1) return refuse(Reject::transfer_encoding_repeated_chunked);
  if (chunked == 1 && !chunked_last) return refuse(Reject::transfer_encoding_not_final_chunked);
  return refuse(Reject::transfer_encoding_unsupported);
}

void HeadState::note_connection(std::string_view value) {
  if (value.size() == 10 && is_field(value.data(), "keep-alive")) {
    note(Seen::keep_alive);
    return;
  }
  std::string_view member;
  while (take_list_member(value, member)) {
    if (equals_lower(member, "close")) {
      note(Seen::close);
    } else if (equals_lower(member, "keep-alive")) {
      note(Seen::keep_alive);
    } else if (equals_lower(member, "upgrade")) {
      note(Seen::connection_upgrade);
    }
  }
}

}  // namespace finack::http
