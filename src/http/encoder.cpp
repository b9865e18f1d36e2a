#include "http/encoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "http/ascii.h"
#include "http/field_line.h"
#include "http/scan.h"
#include "http/status.h"
#include "http/trailer.h"

namespace finack::http {
namespace {

// The fixed parts of a head: status line, Date, Content-Type's and the framing fields' names, a
// length.
constexpr std::size_t kFixedBytes = 320;
constexpr std::size_t kMaxDecimal = 20;

template <std::size_t Size>
char* put(char* out, const char (&literal)[Size]) {
  std::memcpy(out, literal, Size - 1);
  return out + Size - 1;
}

char* put(char* out, std::string_view text) {
  // Not memcpy: a missing value has no address.
  return out + text.copy(out, text.size());
}

char* put_field(char* out, const Header& field) {
  out = put(out, field.name);
  out = put(out, ": ");
  out = put(out, field.value);
  return put(out, "\r\n");
}

char* put_decimal(char* out, std::uint64_t value) {
  return std::to_chars(out, out + kMaxDecimal, value).ptr;
}

char* put_status_line(char* out, int status, std::string_view reason) {
  const StatusLine* line = reason.empty() ? standard_status_line(status) : nullptr;
  if (line != nullptr) {
    std::memcpy(out, line->text.data(), StatusLine::kBytes);
    return out + line->size;
  }
  out = put(out, "HTTP/1.1 ");
  out = put_decimal(out, static_cast<std::uint64_t>(status));
  out = put(out, " ");
  out = put(out, reason);
  return put(out, "\r\n");
}

char* put_framing(char* out, const ResponseHead& head, const EncodeContext& context) {
  if (is_bodiless(head.status)) return out;
  if (context.chunked) {
    return context.minor == 0 ? out : put(out, "Transfer-Encoding: chunked\r\n");
  }
  // RFC 9110 15.3.6: a 205 has no content and must say so.
  if (!context.has_length && head.status != 205) return out;
  out = put(out, "Content-Length: ");
  out = put_decimal(out, head.status == 205 ? 0 : context.length);
  return put(out, "\r\n");
}

char* put_connection(char* out, const EncodeContext& context) {
  if (context.close) return put(out, "Connection: close\r\n");
  if (!context.keep_alive.empty()) {
    // RFC 9110 7.6.1: who sends Keep-Alive names it in Connection.
    out = put(out, "Connection: keep-alive\r\nKeep-Alive: ");
    out = put(out, context.keep_alive);
    return put(out, "\r\n");
  }
  return context.minor == 0 ? put(out, "Connection: keep-alive\r\n") : out;
}

bool is_value(std::string_view value) {
  const ByteRange in{value.data(), value.data() + value.size()};
  return scan::skip<scan::FieldValue>(in.begin, in) == in.end;
}

bool is_token(std::string_view name) {
  const ByteRange in{name.data(), name.data() + name.size()};
  return !name.empty() && scan::skip<scan::Token>(in.begin, in) == in.end;
}

bool is_ours(std::string_view name) {
  switch (name.size()) {
    case 10:
      return equals_lower(name, "connection") || equals_lower(name, "keep-alive");
    case 14:
      return equals_lower(name, "content-length");
    case 16:
      return equals_lower(name, "proxy-connection");
    case 17:
      return equals_lower(name, "transfer-encoding");
    default:
      return false;
  }
}

std::size_t fields_size_bound(std::span<const Header> headers) {
  std::size_t size = 0;
  for (const Header& field : headers) size += field.name.size() + field.value.size() + 4;
  return size;
}

}  // namespace

bool valid(std::span<const Header> headers) {
  return std::ranges::all_of(headers, [](const Header& field) {
    return is_token(field.name) && is_value(field.value) && !is_ours(field.name);
  });
}

bool valid(const ResponseHead& head) {
  return head.status >= 200 && head.status <= 599 && is_value(head.reason) &&
         is_value(head.content_type) && valid(head.headers);
}

bool valid_trailers(std::span<const Header> trailers) {
  return valid(trailers) && std::ranges::all_of(trailers, [](const Header& field) {
           return is_allowed_trailer(field.name);
         });
}

std::size_t head_size_bound(const ResponseHead& head, const EncodeContext& context) {
  return kFixedBytes + head.reason.size() + head.content_type.size() + context.keep_alive.size() +
         context.date.size() + fields_size_bound(head.headers);
}

std::size_t encode_head(const ResponseHead& head, const EncodeContext& context, char* out) {
  char* p = put_status_line(out, head.status, head.reason);
  bool date = !context.date.empty();
  bool content_type = !head.content_type.empty();
  for (const Header& field : head.headers) {
    if (field.name.size() == 4 && equals_lower(field.name, "date")) date = false;
    if (field.name.size() == 12 && equals_lower(field.name, "content-type")) content_type = false;
    p = put_field(p, field);
  }
  if (date) {
    p = put(p, "Date: ");
    p = put(p, context.date);
    p = put(p, "\r\n");
  }
  if (content_type) {
    p = put(p, "Content-Type: ");
    p = put(p, head.content_type);
    p = put(p, "\r\n");
  }
  p = put_framing(p, head, context);
  p = put_connection(p, context);
  p = put(p, "\r\n");
  return static_cast<std::size_t>(p - out);
}

std::size_t interim_size_bound(std::span<const Header> headers) {
  return kFixedBytes + fields_size_bound(headers);
}

std::size_t encode_interim(int status, std::span<const Header> headers, char* out) {
  char* p = put_status_line(out, status, {});
  for (const Header& field : headers) p = put_field(p, field);
  if (status == 101) p = put(p, "Connection: Upgrade\r\n");
  p = put(p, "\r\n");
  return static_cast<std::size_t>(p - out);
}

std::size_t encode_chunk_size(std::uint64_t size, char* out) {
  constexpr std::size_t kMaxHex = 16;
  char* p = std::to_chars(out, out + kMaxHex, size, 16).ptr;
  p = put(p, "\r\n");
  return static_cast<std::size_t>(p - out);
}

std::size_t last_chunk_size_bound(std::span<const Header> trailers) {
  return 5 + fields_size_bound(trailers);
}

std::size_t encode_last_chunk(std::span<const Header> trailers, char* out) {
  char* p = put(out, "0\r\n");
  for (const Header& field : trailers) p = put_field(p, field);
  p = put(p, "\r\n");
  return static_cast<std::size_t>(p - out);
}

}  // namespace finack::http
