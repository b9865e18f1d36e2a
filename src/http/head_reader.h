#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "finack/http/message.h"
#include "http/ascii.h"
#include "http/field_line.h"
#include "http/head_state.h"
#include "http/line_ends.h"
#include "http/scan.h"
#include "http/scan_short.h"

namespace finack::http {

/// The key of a field name by its length and first letter, of any case: what a set of 32 bits can
/// hold.
[[gnu::always_inline]] constexpr std::uint32_t field_key(char first, std::size_t size) {
  return (static_cast<unsigned char>(first) + static_cast<unsigned>(size)) % 32;
}

/// Moves views of bytes that have come to lie elsewhere.
class ViewMove {
 public:
  ViewMove(const char* from, std::size_t size, const char* to)
      // The old bytes may be gone: only their address is used, as a number.
      : from_(reinterpret_cast<std::uintptr_t>(from)), size_(size), to_(to) {}
  void operator()(std::string_view& view) const {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(view.data()) - from_;
    // Views outside the bytes are of literals ("/" for an empty path).
    if (offset <= size_) view = std::string_view(to_ + offset, view.size());
  }
  void operator()(std::vector<Header>& headers) const {
    for (Header& field : headers) {
      (*this)(field.name);
      (*this)(field.value);
    }
  }

 private:
  std::uintptr_t from_;
  std::size_t size_;
  const char* to_;
};

/// True when there is room for one more field; `limit` is not exceeded.
bool make_room(std::vector<Header>& headers, std::size_t limit);

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

/// The incremental reading of a head: start line, fields, empty line. `Parser` derives from it and
/// gives what requests and responses do not share: parse_start_line, parse_fields (which may call
/// read_fields at once), note_field for names whose key is in kKeys, finish_head, move_views.
template <class Parser, class Head, class Limits>
class HeadReader : protected HeadState {
 public:
  enum class State : std::uint8_t { need_more, done, rejected };

 protected:
  State read_head(std::string_view bytes, const Limits& limits, Head& head);
  // These return what lies behind what they read; nullptr: more bytes are needed, or stage_ is
  // rejected.
  const char* read_fields(const char* p, ByteRange in, std::size_t limit, Head& head);
  const char* read_fields_one_by_one(const char* p, ByteRange in, std::size_t limit, Head& head);

 private:
  Parser& parser() { return static_cast<Parser&>(*this); }
  const char* read_other_field(const char* p, ByteRange in, std::size_t limit, Head& head);
};

// Any line that the hot loop has not taken.
template <class Parser, class Head, class Limits>
[[gnu::noinline]] const char* HeadReader<Parser, Head, Limits>::read_other_field(const char* p,
                                                                                 ByteRange in,
                                                                                 std::size_t limit,
                                                                                 Head& head) {
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
  return parser().note_field(in, head, field.name, field.value) ? next : nullptr;
}

template <class Parser, class Head, class Limits>
const char* HeadReader<Parser, Head, Limits>::read_fields_one_by_one(const char* p, ByteRange in,
                                                                     std::size_t limit,
                                                                     Head& head) {
  while (p != nullptr && (in.end - p < 2 || !is_crlf(p))) p = read_other_field(p, in, limit, head);
  return p != nullptr ? p + 2 : nullptr;
}

// The capacity of head.headers is not above the limit.
template <class Parser, class Head, class Limits>
[[gnu::always_inline]] inline const char* HeadReader<Parser, Head, Limits>::read_fields(
    const char* p, ByteRange in, std::size_t limit, Head& head) {
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
      p = read_other_field(p, {in.begin, in.end}, limit, head);
      if (p == nullptr) return nullptr;
      ends = LineEnds(p);
      continue;
    }
    const std::string_view name(p, colon);
    const std::string_view value(colon + 2, end);
    if (!append(head.headers, limit, name, value)) [[unlikely]] {
      // Refused in any case; by its grammar first, as when the line comes in pieces.
      read_other_field(p, {in.begin, in.end}, limit, head);
      return nullptr;
    }
    const bool may_matter = (Parser::kKeys >> field_key(*name.data(), name.size()) & 1) != 0;
    if (may_matter && !parser().note_field({in.begin, in.end}, head, name, value)) return nullptr;
    ends.drop_crlf();
    p = end + 2;
  }
}

template <class Parser, class Head, class Limits>
[[gnu::always_inline]] inline HeadReader<Parser, Head, Limits>::State
HeadReader<Parser, Head, Limits>::read_head(std::string_view bytes, const Limits& limits,
                                            Head& head) {
  // Bytes behind the limit are not looked at, so the verdict does not depend on how many came at
  // once.
  const ByteRange in{bytes.data(), bytes.data() + std::min(bytes.size(), limits.head_bytes)};
  const char* p = nullptr;
  if (stage_ == Stage::start_line) [[likely]] {
    p = parser().parse_start_line(in, limits, head);
    if (p != nullptr) [[likely]]
      stage_ = Stage::fields;
  } else if (stage_ == Stage::fields) {
    if (base_ != in.begin) parser().move_views(ViewMove(base_, base_size_, in.begin), head);
    p = in.begin + position_;
  } else {
    return stage_ == Stage::done ? State::done : State::rejected;
  }
  if (p != nullptr) p = parser().parse_fields(p, in, limits, head);
  if (p != nullptr && parser().finish_head(head)) [[likely]] {
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
