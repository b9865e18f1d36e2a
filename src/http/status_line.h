#pragma once
#include "finack/http/response_parser.h"
#include "finack/http/response_reject.h"
#include "http/scan.h"

namespace finack::http {

/// What a look at a status line (RFC 9112 4) yields: what lies behind it, or why it is refused, or
/// neither: more bytes are needed.
struct StatusLineRead {
  const char* next;
  ResponseReject reject;
};

/// Reads the status line that starts at `p` and sets minor, status and reason as far as it was
/// read. The reason phrase may be missing, with the SP before it: many servers leave both out. A
/// need for more becomes definite with more bytes and never hides an error in those that are there.
StatusLineRead read_status_line(const char* p, ByteRange in, ReceivedResponse& head);

}  // namespace finack::http
