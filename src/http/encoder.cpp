#include "http/encoder.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "http/ascii.h"
#include "http/field_text.h"
#include "http/scan.h"
#include "http/status.h"
#include "http/trailer.h"

namespace finack::http {
namespace {

// The fixed parts of an interim head: status line, Connection, the empty line.
constexpr std::size_t kFixedBytes = 128;
constexpr char kLengthName[] = "\r\nContent-Length: ";

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
  if (head.status == 200 && (head.reason.empty() || head.reason == "OK")) [[likely]]
    return put(out, "HTTP/1.1 200 OK");
  return put_other_status_line(out, head.status, head.reason);
}

/// Status line and fields up to Content-Type.
char* put_start(char* out, const ResponseHead& head, const EncodeContext& context) {
  char* p = put_status_line(out, head);
  bool date = !context.date.empty();
  bool content_type = !head.content_type.empty();
  bool server = !context.server.empty();
  for (const Header& field : head.headers) {
    if (field.name.size() == 4 && equals_lower(field.name, "date")) date = false;
    if (field.name.size() == 6 && equals_lower(field.name, "server")) server = false;
    if (field.name.size() == 12 && equals_lower(field.name, "content-type")) content_type = false;
    p = put_field(p, field);
  }
  if (date) {
    p = put(p, "\r\nDate: ");
    p = put(p, context.date);
  }
  if (server) {
    p = put(p, "\r\nServer: ");
    p = put(p, context.server);
  }
  if (content_type) {
    p = put(p, "\r\nContent-Type: ");
    p = put(p, head.content_type);
  }
  return p;
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
  out = put(out, kLengthName);
  return put_decimal(out, reset_content ? 0 : context.length);
}

inline char* put_connection(char* out, const EncodeContext& context) {
  if (context.close) return put(out, "\r\nConnection: close");
  if (!context.keep_alive.empty()) {
    // RFC 9110 7.6.1: who sends Keep-Alive names it in Connection.
    out = put(out, "\r\nConnection: keep-alive\r\nKeep-Alive: ");
    return put(out, context.keep_alive);
  }
  return context.minor == 0 ? put(out, "\r\nConnection: keep-alive") : out;
}

/// What lies behind the framing.
char* put_end(char* out, const EncodeContext& context) {
  return put(put_connection(out, context), kHeadEnd);
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
  char* p = put_start(out, head, context);
  p = put_framing(p, head, context);
  p = put_end(p, context);
  return static_cast<std::size_t>(p - out);
}

void UsualHead::assign(std::string_view date, std::string_view server,
                       std::string_view keep_alive) {
  ResponseHead head;
  head.content_type = "-";
  EncodeContext context;
  context.date = date;
  context.server = server;
  context.keep_alive = keep_alive;
  std::string text(head_size_bound(head, context), '\0');
  const auto size = [&text](const char* end) {
    return static_cast<std::size_t>(end - text.data());
  };
  start_size_ = size(put_start(text.data(), head, context)) - head.content_type.size();
  const bool start_fits = start_size_ <= start_.size();
  if (start_fits) std::memcpy(start_.data(), text.data(), start_size_);
  end_size_ = size(put_end(text.data(), context));
  const bool end_fits = end_size_ <= end_.size();
  if (end_fits) std::memcpy(end_.data(), text.data(), end_size_);
  if (!start_fits || !end_fits) start_size_ = 0;
}

char* UsualHead::encode(std::string_view content_type, std::uint64_t length, char* out) const {
  // Blocks of a known size, whatever part of them counts: what comes next is written over the rest.
  std::memcpy(out, start_.data(), sizeof start_);
  out = put(out + start_size_, content_type);
  out = put_decimal(put(out, kLengthName), length);
  std::memcpy(out, end_.data(), sizeof end_);
  return out + end_size_;
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
