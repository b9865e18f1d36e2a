#include "http/head_parser.h"

#include <algorithm>
#include <cstdint>

#include "http/ascii.h"
#include "http/field_line.h"
#include "http/host.h"
#include "http/line_ends.h"
#include "http/request_line.h"
#include "http/scan.h"
#include "http/scan_short.h"

namespace finack::http {
namespace {

/// Whether the protocol may act on a field, by the length and first letter of its name: true for
/// those that note_field knows, for an empty name, and for a few others.
[[gnu::always_inline]] inline bool may_matter(std::string_view name) {
  const auto key = [](char first, std::size_t size) {
    return (static_cast<unsigned char>(first) + static_cast<unsigned>(size)) % 32;  // Of any case.
  };
  constexpr std::uint32_t kKeys = 1U << key('h', 4) | 1U << key('e', 6) | 1U << key('u', 7) |
                                  1U << key('c', 10) | 1U << key('c', 14) | 1U << key('t', 17) |
                                  1U << key(':', 0);
  return (kKeys >> key(*name.data(), name.size()) & 1) != 0;
}

/// True when there is room for one more field; `limit` is not exceeded.
[[gnu::noinline]] bool make_room(std::vector<Header>& headers, std::size_t limit) {
  constexpr std::size_t kFirst = 16;
  if (headers.size() >= limit) return false;
  headers.reserve(std::min(limit, std::max(headers.size() * 2, kFirst)));
  return true;
}

/// push_back of which only the usual case is inlined. False: that would be more than `limit`, which
/// the capacity does not exceed.
[[gnu::always_inline]] inline bool append(std::vector<Header>& headers, std::size_t limit,
                                          std::string_view name, std::string_view value) {
  if (headers.size() == headers.capacity() && !make_room(headers, limit)) [[unlikely]]
    return false;
  if (headers.size() == headers.capacity()) __builtin_unreachable();
  headers.push_back(Header{name, value});
  return true;
}

}  // namespace

bool HeadParser::refuse(Reject reason) {
  reject_ = reason;
  stage_ = Stage::rejected;
  return false;
}

void HeadParser::rebase(std::string_view bytes, RequestHead& head) {
  // The old bytes may be gone: only their address is used, as a number.
  const auto old_base = reinterpret_cast<std::uintptr_t>(base_);
  const auto move = [&](std::string_view& view) {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(view.data()) - old_base;
    // Views outside the bytes are of literals ("/" for an empty path).
    if (offset <= base_size_) view = std::string_view(bytes.data() + offset, view.size());
  };
  move(head.method_name);
  move(head.target);
  move(head.path);
  move(head.query);
  move(head.host);
  for (Header& field : head.headers) {
    move(field.name);
    move(field.value);
  }
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
  head.keep_alive = !has(Seen::close) && (!http10 || has(Seen::keep_alive));
  // RFC 9110 7.8 and 10.1.1: neither means anything on HTTP/1.0.
  head.upgrade = !http10 && has(Seen::upgrade) && has(Seen::connection_upgrade);
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
[[gnu::always_inline]] inline const char* HeadParser::parse_request_line(ByteRange in,
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

// Any line that the hot loop has not taken. Behind it; nullptr: more bytes are needed, or stage_ is
// rejected.
const char* HeadParser::parse_other_field(const char* p, ByteRange in, std::size_t limit,
                                          RequestHead& head) {
  position_ = static_cast<std::size_t>(p - in.begin);
  Header field;
  const char* next = try_field_line(p, in, field);
  if (next == nullptr) {
    const FieldLine line = read_field_line(p, in);
    if (line.kind == FieldLine::Kind::refused) refuse(line.reject);
    if (line.kind != FieldLine::Kind::field) return nullptr;
    field = line.field;
    next = line.next;
  }
  if (head.headers.size() >= limit || !append(head.headers, limit, field.name, field.value)) {
    refuse(Reject::too_many_headers);
    return nullptr;
  }
  return note_field(in, head, field.name, field.value) ? next : nullptr;
}

const char* HeadParser::parse_fields_one_by_one(const char* p, ByteRange in, std::size_t limit,
                                                RequestHead& head) {
  while (p != nullptr && (in.end - p < 2 || !is_crlf(p))) p = parse_other_field(p, in, limit, head);
  return p != nullptr ? p + 2 : nullptr;
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
    return parse_fields_one_by_one(p, {in.begin, in.end}, limit, head);
  }
  if (nothing_seen) [[likely]] {
    p = parse_host_line(p, in, limit, head);
    if (has(Seen::host) && is_crlf(p)) return p + 2;  // Host alone
  }
  LineEnds ends(p);
  for (;;) {
    const char* end = ends.find(in);
    if (end <= p) [[unlikely]] {
      if ((end == p || in.end - p >= 2) && is_crlf(p)) [[likely]]
        return p + 2;
      end = nullptr;
    }
    const char* colon = end != nullptr ? scan::skip_name<scan::Token>(p, in) : nullptr;
    if (end == nullptr || load2(colon) != load2(": ") ||
        static_cast<unsigned char>(colon[2]) <= ' ' || static_cast<unsigned char>(end[-1]) <= ' ' ||
        !is_crlf(end)) [[unlikely]] {
      p = parse_other_field(p, {in.begin, in.end}, limit, head);
      if (p == nullptr) return nullptr;
      ends = LineEnds(p);
      continue;
    }
    const std::string_view name(p, colon);
    const std::string_view value(colon + 2, end);
    if (!append(head.headers, limit, name, value)) [[unlikely]] {
      refuse(Reject::too_many_headers);
      return nullptr;
    }
    if (may_matter(name) && !note_field({in.begin, in.end}, head, name, value)) return nullptr;
    ends.drop_crlf();
    p = end + 2;
  }
}

HeadParser::State HeadParser::parse(std::string_view bytes, const HeadLimits& limits,
                                    RequestHead& head) {
  // Bytes behind the limit are not looked at, so the verdict does not depend on how many came at
  // once.
  const ByteRange in{bytes.data(), bytes.data() + std::min(bytes.size(), limits.head_bytes)};
  const char* p = nullptr;
  if (stage_ == Stage::request_line) [[likely]] {
    p = parse_request_line(in, limits, head);
    if (p != nullptr) [[likely]]
      stage_ = Stage::fields;
  } else if (stage_ == Stage::fields) {
    if (base_ != in.begin) rebase(bytes, head);
    p = in.begin + position_;
  } else {
    return stage_ == Stage::done ? State::done : State::rejected;
  }
  if (p != nullptr) p = parse_fields(p, in, limits, head);
  if (p != nullptr && finish_head(head)) [[likely]] {
    position_ = static_cast<std::size_t>(p - in.begin);
    stage_ = Stage::done;
    return State::done;
  }
  base_ = in.begin;
  base_size_ = bytes.size();
  if (stage_ != Stage::rejected && base_size_ >= limits.head_bytes) refuse(Reject::head_too_large);
  return stage_ == Stage::rejected ? State::rejected : State::need_more;
}

}  // namespace finack::http
