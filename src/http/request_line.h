#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "finack/http/message.h"
#include "finack/http/reject.h"
#include "http/scan.h"

namespace finack::http {

/// What a look at a request line (RFC 9112 3) yields: what lies behind it, or why it is refused, or
/// neither: more bytes are needed.
struct RequestLine {
  const char* next;
  Reject reject;
};

/// Reads the request line that starts at `p`; `target_limit` in bytes. Sets method, minor,
/// method_name, target, path, query and host (the authority of an absolute-form, else null) as far
/// as the line was read, also when it is refused. A need for more becomes definite with more bytes
/// and never hides an error in the bytes that are there.
RequestLine read_request_line(const char* p, const ByteRange& in, std::size_t target_limit,
                              RequestHead& head);

/// Which method a token names; names are compared with case (RFC 9110 9.1).
Method method_of(std::string_view token);

}  // namespace finack::http
