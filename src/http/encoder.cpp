#include "http/encoder.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "http/ascii.h"
#include "http/field_text.h"
#include "http/scan.h"
#include "http/status.h"
#include "http/trailer.h"

namespace finack::http {
namespace {

// The fixed parts of an interim head: status line, Connection, the empty line.
constexpr std::size_t kFixedBytes = 128;

char* put_other_status_line(char* out, int status, std::string_view reason) {
  const StatusLine* line = reason.empty() ? standard_status_line(status) : nullptr;
  if (line != nullptr) {
    std::memcpy(out, line->text.data(), StatusLine::kBytes);
    return out + line->size;
  }
  out = put(out, "HTTP/1.1 ");
  out = put_decimal(out, static_cast<std::uint64_t>(status));
  out = put(out, " ");
  return put(out, reason);
}

[[gnu::always_inline]] inline char* put_status_line(char* out, const ResponseHead& head) {
  if (head.status == 200 && head.reason.empty()) [[likely]]
    return put(out, "HTTP/1.1 200 OK");
  return put_other_status_line(out, head.status, head.reason);
}

[[gnu::always_inline]] inline char* put_framing(char* out, const ResponseHead& head,
                                                const EncodeContext& context) {
  if (is_bodiless(head.status)) [[unlikely]]
    return out;
  if (context.chunked) [[unlikely]]
    return context.minor == 0 ? out : put(out, "\r\nTransfer-Encoding: chunked");
  // RFC 9110 15.3.6: a 205 has no content and must say so.
  const bool reset_content = head.status == 205;
  if (!context.has_length && !reset_content) return out;
  out = put(out, "\r\nContent-Length: ");
  return put_decimal(out, reset_content ? 0 : context.length);
}

[[gnu::always_inline]] inline char* put_connection(char* out, const EncodeContext& context) {
  if (context.close) return put(out, "\r\nConnection: close");
  if (!context.keep_alive.empty()) {
    // RFC 9110 7.6.1: who sends Keep-Alive names it in Connection.
    out = put(out, "\r\nConnection: keep-alive\r\nKeep-Alive: ");
    return put(out, context.keep_alive);
  }
  return context.minor == 0 ? put(out, "\r\nConnection: keep-alive") : out;
}

}  // namespace

bool valid(std::span<const Header> headers) {
  return std::ranges::all_of(headers, [](const Header& field) {
    return is_token(field.name) && is_value(field.value) && !is_ours(field.name);
  });
}

bool valid(const ResponseHead& head) {
  return head.status >= 200 && head.status <= 599 && is_value(head.reason) &&
         is_value(head.content_type) && (head.headers.empty() || valid(head.headers));
}

bool valid_trailers(std::span<const Header> trailers) {
  return valid(trailers) && std::ranges::all_of(trailers, [](const Header& field) {
           return is_allowed_trailer(field.name);
         });
}

std::size_t encode_head(const ResponseHead& head, const EncodeContext& context, char* out) {
  char* p = put_status_line(out, head);
  bool date = !context.date.empty();
  bool content_type = !head.content_type.empty();
  for (const Header& field : head.headers) {
    if (field.name.size() == 4 && equals_lower(field.name, "date")) date = false;
    if (field.name.size() == 12 && equals_lower(field.name, "content-type")) content_type = false;
    p = put_field(p, field);
  }
  if (date) {
    p = put(p, "\r\nDate: ");
    p = put(p, context.date);
  }
  if (!context.server.empty()) {
    p = put(p, "\r\nServer: ");
    p = put(p, context.server);
  }
  if (content_type) {
    p = put(p, "\r\nContent-Type: ");
    p = put(p, head.content_type);
  }
  p = put_framing(p, head, context);
  p = put_connection(p, context);
  p = put(p, kHeadEnd);
  return static_cast<std::size_t>(p - out);
}

std::size_t interim_size_bound(std::span<const Header> headers) {
  return kFixedBytes + fields_size_bound(headers);
}

std::size_t encode_interim(int status, std::span<const Header> headers, char* out) {
  char* p = put_other_status_line(out, status, {});
  for (const Header& field : headers) p = put_field(p, field);
  if (status == 101) p = put(p, "\r\nConnection: Upgrade");
  p = put(p, kHeadEnd);
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
  char* p = put(out, "0");
  for (const Header& field : trailers) p = put_field(p, field);
  p = put(p, kHeadEnd);
  return static_cast<std::size_t>(p - out);
}

}  // namespace finack::http
