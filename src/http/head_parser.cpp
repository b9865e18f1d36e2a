#include "http/head_parser.h"

#include <cstdint>

#include "http/host.h"
#include "http/request_line.h"
#include "http/scan.h"

namespace finack::http {

void HeadParser::move_views(const ViewMove& move, RequestHead& head) {
  move(head.method_name);
  move(head.target);
  move(head.path);
  move(head.query);
  move(head.host);
  move(head.headers);
}

const char* HeadParser::skip_empty_lines(const char* p, const char* end) {
  while (p != end && *p == '\r') {
    if (p + 1 == end) return end;
    if (p[1] != '\n') {
      refuse(Reject::request_line_bare_cr);
      return end;
    }
    p += 2;
    position_ += 2;
  }
  return p;
}

[[gnu::always_inline]] inline bool HeadParser::finish_head(RequestHead& head) {
  if (seen_ != static_cast<std::uint16_t>(Seen::host)) return finish_other_head(head);
  head.keep_alive = true;
  head.upgrade = head.expect_continue = false;
  return true;
}

bool HeadParser::finish_other_head(RequestHead& head) {
  const bool http10 = has(Seen::http10);
  if (!has(Seen::host) && !http10) return refuse(Reject::host_missing);
  if (has(Seen::transfer_encoding)) {
    head.framing = Framing::chunked;
  } else if (has(Seen::content_length)) {
    head.framing = Framing::length;
  }
  head.keep_alive = keeps_alive();
  head.upgrade = upgrades();
  // RFC 9110 10.1.1: it means nothing on HTTP/1.0.
  head.expect_continue = !http10 && has(Seen::expect_continue) &&
                         (head.framing == Framing::chunked || head.content_length != 0);
  return true;
}

const char* HeadParser::read_other_line(const char* p, ByteRange in, const HeadLimits& limits,
                                        RequestHead& head) {
  head.method = Method::other;
  head.method_name = head.target = {};
  const RequestLine line = read_request_line(p, in, limits.target_bytes, head);
  if (line.next == nullptr) {
    if (line.reject != Reject::none) refuse(line.reject);
    return nullptr;
  }
  if (head.host.data() != nullptr) note(Seen::absolute_form);
  if (head.minor == 0) note(Seen::http10);
  return line.next;
}

const char* HeadParser::begin_head(const char* p, ByteRange in, const HeadLimits& limits,
                                   RequestHead& head) {
  if (p != in.end && *p == '\r') p = skip_empty_lines(p, in.end);
  if (p == in.end) return nullptr;
  begun_ = true;
  return read_other_line(p, in, limits, head);
}

// Behind the line; nullptr: more bytes are needed, or stage_ is rejected.
[[gnu::always_inline]] inline const char* HeadParser::parse_start_line(ByteRange in,
                                                                       const HeadLimits& limits,
                                                                       RequestHead& head) {
  const char* p = in.begin + position_;
  const char* next = try_request_line(p, in, limits.target_bytes, head);
  if (next == nullptr) [[unlikely]] {
    next = begin_head(p, {in.begin, in.end}, limits, head);
    if (next == nullptr) return nullptr;
  }
  begun_ = true;
  head.headers.clear();
  head.framing = Framing::none;
  head.content_length = 0;
  return next;
}

/// The usual first field is Host: reads it without a second look at its value.
[[gnu::always_inline]] inline const char* HeadParser::parse_host_line(const char* p, ByteRange in,
                                                                      std::size_t limit,
                                                                      RequestHead& head) {
  std::string_view host;
  const char* next = try_host_line(p, in, host);
  if (next == nullptr || !append(head.headers, limit, std::string_view(p, 4), host)) [[unlikely]] {
    head.host = {};
    return p;
  }
  seen_ = static_cast<std::uint16_t>(Seen::host);
  head.host = host;
  return next;
}

[[gnu::always_inline]] inline const char* HeadParser::parse_fields(const char* p, ByteRange in,
                                                                   const HeadLimits& limits,
                                                                   RequestHead& head) {
  const std::size_t limit = limits.headers;
  const bool nothing_seen = seen_ == 0;
  if (head.headers.capacity() > limit) [[unlikely]] {
    if (nothing_seen) head.host = {};
    return read_fields_one_by_one(p, {in.begin, in.end}, limit, head);
  }
  if (nothing_seen) [[likely]] {
    p = parse_host_line(p, in, limit, head);
    if (has(Seen::host) && in.end - p >= 2 && is_crlf(p)) return p + 2;  // Host alone
  }
  return read_fields(p, in, limit, head);
}

HeadParser::State HeadParser::parse(std::string_view bytes, const HeadLimits& limits,
                                    RequestHead& head) {
  return read_head(bytes, limits, head);
}

}  // namespace finack::http
