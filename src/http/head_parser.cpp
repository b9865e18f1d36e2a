#include "http/head_parser.h"

#include <algorithm>
#include <cstdint>

#include "http/ascii.h"
#include "http/field_line.h"
#include "http/host.h"
#include "http/line_ends.h"
#include "http/request_line.h"
#include "http/scan.h"

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

[[gnu::noinline]] void make_room(std::vector<Header>& headers) {
  headers.reserve(headers.size() + std::max<std::size_t>(headers.size(), 16));
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

const char* HeadParser::read_other_line(const char* p, ByteRange in,
                                        const HeadLimits& limits, RequestHead& head) {
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

[[gnu::always_inline]] inline bool HeadParser::parse_request_line(ByteRange in,
                                                                  const HeadLimits& limits,
                                                                  RequestHead& head) {
  const char* p = in.begin + position_;
  if (p != in.end && *p == '\r') [[unlikely]]
    p = skip_empty_lines(p, in.end);
  if (p == in.end) return false;
  begun_ = true;
  const char* next = try_request_line(p, in, limits.target_bytes, head);
  if (next == nullptr) [[unlikely]] {
    next = read_other_line(p, in, limits, head);
    if (next == nullptr) return false;
  }
  head.headers.clear();
  head.framing = Framing::none;
  head.content_length = 0;
  position_ = static_cast<std::size_t>(next - in.begin);
  return true;
}

/// push_back of which only the usual case is inlined.
[[gnu::always_inline]] inline void append(std::vector<Header>& headers, std::string_view name,
                                          std::string_view value) {
  if (headers.size() == headers.capacity()) [[unlikely]]
    make_room(headers);
  if (headers.size() == headers.capacity()) __builtin_unreachable();
  headers.push_back(Header{name, value});
}

// Any line that the hot loop has not taken.
const char* HeadParser::parse_other_field(const char* p, ByteRange in, std::size_t limit,
                                          RequestHead& head) {
  Header field;
  const char* next = try_field_line(p, in, field);
  if (next == nullptr) {
    position_ = static_cast<std::size_t>(p - in.begin);
    const FieldLine line = read_field_line(p, in);
    if (line.kind == FieldLine::Kind::refused) refuse(line.reject);
    if (line.kind != FieldLine::Kind::field) return nullptr;
    field = line.field;
    next = line.next;
  }
  if (head.headers.size() >= limit) {
    refuse(Reject::too_many_headers);
    return nullptr;
  }
  head.headers.push_back(field);
  return note_field(in, head, field.name, field.value) ? next : nullptr;
}

/// The usual first field is Host: reads it without a second look at its value.
[[gnu::always_inline]] inline const char* HeadParser::parse_host_line(const char* p, ByteRange in,
                                                                      RequestHead& head) {
  std::string_view host;
  const char* next = try_host_line(p, in, host);
  if (next == nullptr) [[unlikely]]
    return p;
  seen_ = static_cast<std::uint16_t>(Seen::host);
  head.host = host;
  append(head.headers, std::string_view(p, 4), host);
  return next;
}

[[gnu::always_inline]] inline bool HeadParser::parse_fields(ByteRange in, const HeadLimits& limits,
                                                            RequestHead& head) {
  const char* p = in.begin + position_;
  std::size_t room = limits.headers - std::min(limits.headers, head.headers.size());
  if (seen_ == 0 && room != 0) {
    p = parse_host_line(p, in, head);
    room -= head.headers.size();
  }
  LineEnds ends(p);
  for (;;) {
    const char* end = ends.find(p, in);
    if (end == p || end == nullptr) [[unlikely]] {
      if (in.end - p >= 2 && is_crlf(p)) break;
      end = nullptr;
    }
    const char* colon = end != nullptr ? scan::skip_name<scan::Token>(p, in) : nullptr;
    if (end == nullptr || load2(colon) != load2(": ") ||
        static_cast<unsigned char>(colon[2]) <= ' ' || static_cast<unsigned char>(end[-1]) <= ' ' ||
        !is_crlf(end) || room == 0) [[unlikely]] {
      p = parse_other_field(p, in, limits.headers, head);
      if (p == nullptr) return false;
      --room;
      ends = LineEnds(p);
      continue;
    }
    const std::string_view name(p, colon);
    const std::string_view value(colon + 2, end);
    append(head.headers, name, value);
    if (may_matter(name) && !note_field(in, head, name, value)) return false;
    --room;
    ends.drop_crlf();
    p = end + 2;
  }
  position_ = static_cast<std::size_t>(p + 2 - in.begin);
  return finish_head(head);
}

HeadParser::State HeadParser::parse(std::string_view bytes, const HeadLimits& limits,
                                    RequestHead& head) {
  // Bytes behind the limit are not looked at, so the verdict does not depend on how many came at
  // once.
  const ByteRange in{bytes.data(), bytes.data() + std::min(bytes.size(), limits.head_bytes)};
  if (stage_ == Stage::fields && base_ != in.begin) rebase(bytes, head);
  base_ = in.begin;
  base_size_ = bytes.size();
  bool complete = false;
  if (stage_ == Stage::request_line && parse_request_line(in, limits, head)) stage_ = Stage::fields;
  if (stage_ == Stage::fields) complete = parse_fields(in, limits, head);
  if (complete) stage_ = Stage::done;
  if (stage_ == Stage::done) return State::done;
  if (stage_ != Stage::rejected && bytes.size() >= limits.head_bytes) {
    refuse(Reject::head_too_large);
  }
  return stage_ == Stage::rejected ? State::rejected : State::need_more;
}

}  // namespace finack::http
