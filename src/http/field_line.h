#pragma once
#include <string_view>

#include "finack/http/message.h"
#include "finack/http/reject.h"
#include "http/ascii.h"
#include "http/scan.h"

namespace finack::http {

/// What a careful look at one field line (RFC 9112 5) yields.
struct FieldLine {
  enum class Kind : unsigned char { field, end, need_more, refused };
  Kind kind;
  Reject reject;     ///< For refused.
  const char* next;  ///< Behind the line, for field and end.
  Header field;      ///< The value without OWS at its ends.
};

/// Reads one line from `p` on, bounded by `in`. A need_more becomes definite with more bytes and
/// never hides an error in the bytes that are there.
FieldLine read_field_line(const char* p, ByteRange in);

/// The hot half of read_field_line: reads a line that is a whole, valid field and returns what lies
/// behind it; nullptr: ask read_field_line what it is.
[[gnu::always_inline]] inline const char* try_field_line(const char* p, ByteRange in,
                                                         Header& field) {
  const char* colon = scan::skip<scan::Token>(p, in);
  if (in.end - colon < 4 || *colon != ':' || colon == p) [[unlikely]]
    return nullptr;
  const char* begin = colon + 1;
  if (*begin == ' ') ++begin;
  if (static_cast<unsigned char>(*begin) <= ' ') [[unlikely]]
    return nullptr;
  const char* stop = scan::skip<scan::FieldValue>(begin, in);
  if (in.end - stop < 2 || !is_crlf(stop)) [[unlikely]]
    return nullptr;
  const char* last = stop;
  while (static_cast<unsigned char>(last[-1]) <= ' ') [[unlikely]]
    --last;
  field.name = std::string_view(p, static_cast<std::size_t>(colon - p));
  field.value = std::string_view(begin, static_cast<std::size_t>(last - begin));
  return stop + 2;
}

}  // namespace finack::http
