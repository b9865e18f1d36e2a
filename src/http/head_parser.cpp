#include "http/head_parser.h"

#include <algorithm>
#include <array>

#include "http/ascii.h"
#include "http/field_line.h"
#include "http/request_line.h"
#include "http/scan.h"

namespace finack::http {
namespace {

/// Whether a field may be one that the protocol acts on, by its length and first letter. Keep-Alive
/// is advice to us that we do not take, so it is an ordinary field.
bool is_candidate(std::string_view name) {
  static constexpr std::array<char, 18> kFirstLetter = {0, 0,   0, 0, 'h', 0,   'e', 'u', 0,
                                                        0, 'c', 0, 0, 0,   'c', 0,   0,   't'};
  return name.size() < kFirstLetter.size() &&
         static_cast<char>(name.front() | 0x20) == kFirstLetter[name.size()];
}

}  // namespace

void HeadParser::reset() { *this = HeadParser(); }

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
  if (!seen_.host && minor_ == 1) return refuse(Reject::host_missing);
  if (seen_.transfer_encoding) {
    head.framing = Framing::chunked;
  } else if (seen_.content_length) {
    head.framing = Framing::length;
  }
  head.keep_alive = !seen_.close && (minor_ == 1 || seen_.keep_alive);
  // RFC 9110 7.8 and 10.1.1: neither means anything on HTTP/1.0.
  head.upgrade = minor_ == 1 && seen_.upgrade && seen_.connection_upgrade;
  head.expect_continue = minor_ == 1 && seen_.expect_continue &&
                         (head.framing == Framing::chunked || head.content_length != 0);
  return true;
}

[[gnu::always_inline]] inline bool HeadParser::parse_request_line(const ByteRange& in,
                                                                  const HeadLimits& limits,
                                                                  RequestHead& head) {
  const char* p = in.begin + position_;
  if (p != in.end && *p == '\r') p = skip_empty_lines(p, in.end);
  if (p == in.end) return false;
  begun_ = true;
  head.method = Method::other;
  head.method_name = head.target = {};
  const RequestLine line = read_request_line(p, in, limits.target_bytes, head);
  if (line.next == nullptr) return line.reject != Reject::none && refuse(line.reject);
  head.headers.clear();
  head.framing = Framing::none;
  head.content_length = 0;
  seen_.absolute_form = head.host.data() != nullptr;
  minor_ = head.minor;
  position_ = static_cast<std::size_t>(line.next - in.begin);
  return true;
}

[[gnu::always_inline]] inline bool HeadParser::parse_fields(const ByteRange& range,
                                                            const HeadLimits& limits,
                                                            RequestHead& head) {
  const ByteRange in = range;  // In registers: the stores below could alias the caller's.
  const char* p = in.begin + position_;
  std::size_t room = limits.headers - std::min(limits.headers, head.headers.size());
  for (;;) {
    if (in.end - p >= 2 && is_crlf(p)) [[unlikely]] {
      position_ = static_cast<std::size_t>(p + 2 - in.begin);
      return finish_head(head);
    }
    Header field;
    const char* next = try_field_line(p, in, field);
    if (next == nullptr) [[unlikely]] {
      position_ = static_cast<std::size_t>(p - in.begin);
      const FieldLine line = read_field_line(p, in);
      if (line.kind == FieldLine::Kind::refused) return refuse(line.reject);
      if (line.kind == FieldLine::Kind::need_more) return false;
      field = line.field;
      next = line.next;
    }
    if (room-- == 0) return refuse(Reject::too_many_headers);
    head.headers.push_back(field);
    if (is_candidate(field.name) && !note_field(range, head, field)) return false;
    p = next;
  }
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
