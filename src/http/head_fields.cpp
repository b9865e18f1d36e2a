// The fields of a request head that the protocol itself acts on.
#include <limits>

#include "http/ascii.h"
#include "http/head_parser.h"
#include "http/host.h"
#include "http/scan.h"

namespace finack::http {

inline bool HeadParser::note_host(const ByteRange& in, RequestHead& head, std::string_view value) {
  if (seen_.host) return refuse(Reject::host_repeated);
  seen_.host = true;
  if (!is_plain_host(value, in) && !is_host(value, in)) return refuse(Reject::host_invalid);
  // RFC 9112 3.2.2: the authority of an absolute-form wins.
  if (!seen_.absolute_form) head.host = value;
  return true;
}

bool HeadParser::note_field(const ByteRange& in, RequestHead& head, const Header& field) {
  const char* name = field.name.data();
  switch (field.name.size()) {
    case 4:
      return !is_field(name, "host") || note_host(in, head, field.value);
    case 6:
      return !is_field(name, "expect") || note_expect(field.value);
    case 7:
      if (is_field(name, "upgrade")) seen_.upgrade = true;
      return true;
    case 10:
      if (is_field(name, "connection")) note_connection(field.value);
      return true;
    case 14:
      return !is_field(name, "content-length") || note_content_length(head, field.value);
    case 17:
      return !is_field(name, "transfer-encoding") || note_transfer_encoding(field.value);
    default:
      return true;
  }
}

bool HeadParser::note_content_length(RequestHead& head, std::string_view value) {
  if (seen_.content_length) return refuse(Reject::content_length_repeated);
  if (seen_.transfer_encoding) return refuse(Reject::content_length_with_transfer_encoding);
  seen_.content_length = true;
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
  head.content_length = length;
  return true;
}

bool HeadParser::note_transfer_encoding(std::string_view value) {
  if (minor_ == 0) return refuse(Reject::transfer_encoding_in_http10);
  if (seen_.content_length) return refuse(Reject::content_length_with_transfer_encoding);
  const bool chunked_before = seen_.transfer_encoding;
  seen_.transfer_encoding = true;
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

void HeadParser::note_connection(std::string_view value) {
  if (value.size() == 10 && is_field(value.data(), "keep-alive")) {
    seen_.keep_alive = true;
    return;
  }
  std::string_view member;
  while (take_list_member(value, member)) {
    if (equals_lower(member, "close")) {
      seen_.close = true;
    } else if (equals_lower(member, "keep-alive")) {
      seen_.keep_alive = true;
    } else if (equals_lower(member, "upgrade")) {
      seen_.connection_upgrade = true;
    }
  }
}

bool HeadParser::note_expect(std::string_view value) {
  if (!equals_lower(value, "100-continue")) return refuse(Reject::expectation_failed);
  seen_.expect_continue = true;
  return true;
}

}  // namespace finack::http
