// The fields of a request head that the protocol itself acts on.
#include "http/ascii.h"
#include "http/head_parser.h"
#include "http/host.h"
#include "http/scan.h"

namespace finack::http {

bool HeadParser::note_host(ByteRange in, RequestHead& head, std::string_view value) {
  if (has(Seen::host)) return refuse(Reject::host_repeated);
  note(Seen::host);
  if (!is_host(value, in)) return refuse(Reject::host_invalid);
  // RFC 9112 3.2.2: the authority of an absolute-form wins.
  if (!has(Seen::absolute_form)) head.host = value;
  return true;
}

bool HeadParser::note_field(ByteRange in, RequestHead& head, std::string_view field,
                            std::string_view value) {
  switch (field.size()) {
    case 4:
      return !is_field(field.data(), "host") || note_host(in, head, value);
    case 6:
      return !is_field(field.data(), "expect") || note_expect(value);
    default:
      return note_shared_field(field, value, head.content_length);
  }
}

bool HeadParser::note_expect(std::string_view value) {
  if (!equals_lower(value, "100-continue")) return refuse(Reject::expectation_failed);
  note(Seen::expect_continue);
  return true;
}

}  // namespace finack::http
