#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "finack/http/message.h"
#include "finack/http/reject.h"
#include "http/ascii.h"
#include "http/scan.h"
#include "http/scan_short.h"

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
RequestLine read_request_line(const char* p, ByteRange in, std::size_t target_limit,
                              RequestHead& head);

/// Reads the rest of a request line whose method took `name_size` bytes.
[[gnu::always_inline]] inline const char* try_origin_form(const char* p, std::size_t name_size,
                                                          ByteRange in, std::size_t target_limit,
                                                          RequestHead& head) {
  constexpr std::string_view kTail = " HTTP/1.1\r\n";
  const char* target = p + name_size + 1;
  const char* path_end = scan::skip_short<scan::Path>(target, in, kTail.size());
  const char* end = path_end;
  head.query = {};
  if (*end == '?') {
    end = scan::skip<scan::Query>(path_end + 1, in);
    if (in.end - end < static_cast<std::ptrdiff_t>(kTail.size())) [[unlikely]]
      return nullptr;
    head.query = std::string_view(path_end + 1, end);
  }
  const auto size = static_cast<std::size_t>(end - target);
  if (*target != '/' || size > target_limit || load8(end) != load8(kTail.data()) ||
      load4(end + 7) != load4(kTail.data() + 7)) [[unlikely]]
    return nullptr;
  head.minor = 1;
  head.method_name = std::string_view(p, name_size);
  head.target = std::string_view(target, size);
  head.path = std::string_view(target, path_end);
  return end + kTail.size();
}

/// The hot half of read_request_line: reads a whole line with a usual method, an origin-form and
/// HTTP/1.1, and returns what lies behind it; `head.host` is left as it was. nullptr: ask
/// read_request_line what it is.
[[gnu::always_inline]] inline const char* try_request_line(const char* p, ByteRange in,
                                                           std::size_t target_limit,
                                                           RequestHead& head) {
  if (in.end - p < 32) [[unlikely]]
    return nullptr;
  const std::uint32_t word = load4(p);
  if (word == load4("GET ")) [[likely]] {
    head.method = Method::get;
    return try_origin_form(p, 3, in, target_limit, head);
  }
  if (p[4] != ' ' || (word != load4("POST") && word != load4("HEAD"))) return nullptr;
  head.method = word == load4("POST") ? Method::post : Method::head;
  return try_origin_form(p, 4, in, target_limit, head);
}

/// The authority of an absolute-form target (RFC 9112 3.2.2) of scheme http or https; empty when it
/// has none that is valid (RFC 9110 4.2.1: an empty host is not). `in` encloses the target.
std::string_view authority_of(std::string_view target, ByteRange in);

/// Which method a token names; names are compared with case (RFC 9110 9.1).
Method method_of(std::string_view token);

}  // namespace finack::http
