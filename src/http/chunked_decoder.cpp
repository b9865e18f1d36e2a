#include "http/chunked_decoder.h"

#include <algorithm>

#include "http/ascii.h"
#include "http/field_line.h"
#include "http/scan.h"
#include "http/trailer.h"

namespace finack::http {
namespace {

constexpr std::uint32_t kExtensionBytesAll = 4 * 1024;
constexpr std::uint8_t kMaxDigits = 16;

}  // namespace

void ChunkedDecoder::reset() {
  remaining_ = 0;
  state_ = State::size_first;
  reject_ = Reject::none;
  digits_ = 0;
  extension_bytes_ = extension_bytes_all_ = 0;
  trailer_position_ = trailer_count_ = 0;
  trailer_bytes_.clear();
  trailers_.clear();
}

bool ChunkedDecoder::refuse(Reject reason) {
  reject_ = reason;
  state_ = State::rejected;
  return false;
}

ChunkedDecoder::Step ChunkedDecoder::step(std::string_view input, const ChunkLimits& limits) {
  std::size_t used = 0;
  while (state_ < State::trailers) {
    if (used == input.size()) return {Step::Kind::need_more, used, {}};
    if (state_ == State::data) {
      const auto size =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - used));
      remaining_ -= size;
      if (remaining_ == 0) state_ = State::data_cr;
      return {Step::Kind::data, used + size, input.substr(used, size)};
    }
    if (!take_byte(input[used], limits)) return {Step::Kind::rejected, used, {}};
    ++used;
  }
  Step last = take_trailers(input.substr(used), limits);
  last.consumed += used;
  return last;
}

bool ChunkedDecoder::take_byte(char c, const ChunkLimits& limits) {
  switch (state_) {
    case State::size_first:
    case State::size:
      return take_size_byte(c, limits);
    case State::size_lf:
      if (c != '\n') return refuse(Reject::chunk_size_invalid);
      state_ = remaining_ == 0 ? State::trailers : State::data;
      return true;
    case State::data_cr:
      if (c != '\r') return refuse(Reject::chunk_data_end_missing);
      state_ = State::data_lf;
      return true;
    case State::data_lf:
      if (c != '\n') return refuse(Reject::chunk_data_end_missing);
      state_ = State::size_first;
      digits_ = 0;
      extension_bytes_ = 0;
      return true;
    default:
      return take_extension_byte(c, limits);
  }
}

bool ChunkedDecoder::take_size_byte(char c, const ChunkLimits& limits) {
  const int digit = scan::hex_value(static_cast<unsigned char>(c));
  if (digit >= 0) {
    // remaining_ is 0 when the first digit comes: the chunk before was read whole.
    if (++digits_ > kMaxDigits) return refuse(Reject::chunk_size_invalid);
    remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(digit);
    state_ = State::size;
    return true;
  }
  if (state_ == State::size_first) return refuse(Reject::chunk_size_invalid);
  if (c != '\r' && c != ';') return refuse(Reject::chunk_size_invalid);
  if (remaining_ > limits.chunk_bytes) return refuse(Reject::chunk_size_too_large);
  if (c == '\r') {
    state_ = State::size_lf;
    return true;
  }
  state_ = State::extension_name_first;
  return count_extension_byte(limits);
}

bool ChunkedDecoder::count_extension_byte(const ChunkLimits& limits) {
  ++extension_bytes_;
  ++extension_bytes_all_;
  if (extension_bytes_ > limits.extension_bytes || extension_bytes_all_ > kExtensionBytesAll) {
    return refuse(Reject::chunk_extension_too_long);
  }
  return true;
}

// chunk-ext = *( ";" name [ "=" ( token / quoted-string ) ] ), RFC 9112 7.1.1. The BWS that the
// grammar tolerates is refused: nobody sends it, and parsers that disagree about it have been
// smuggled past.
bool ChunkedDecoder::take_extension_byte(char c, const ChunkLimits& limits) {
  const bool may_end = state_ == State::extension_name || state_ == State::extension_token ||
                       state_ == State::extension_after_quoted;
  if (c == '\r' && may_end) {
    state_ = State::size_lf;
    return true;
  }
  const bool token = scan::accepts<scan::Token>(c);
  bool valid = token;
  switch (state_) {
    case State::extension_name_first:
      state_ = State::extension_name;
      break;
    case State::extension_value_first:
      if (c == '"') valid = true;
      state_ = c == '"' ? State::extension_quoted : State::extension_token;
      break;
    case State::extension_quoted:
      valid = scan::accepts<scan::FieldValue>(c);
      if (c == '"') state_ = State::extension_after_quoted;
      if (c == '\\') state_ = State::extension_escape;
      break;
    case State::extension_escape:
      valid = scan::accepts<scan::FieldValue>(c);
      state_ = State::extension_quoted;
      break;
    default:
      if (c == ';') {
        valid = true;
        state_ = State::extension_name_first;
      } else if (c == '=' && state_ == State::extension_name) {
        valid = true;
        state_ = State::extension_value_first;
      } else if (state_ == State::extension_after_quoted) {
        valid = false;
      }
      break;
  }
  if (!valid) return refuse(Reject::chunk_extension_invalid);
  return count_extension_byte(limits);
}

ChunkedDecoder::Step ChunkedDecoder::take_trailers(std::string_view input,
                                                   const ChunkLimits& limits) {
  if (state_ == State::end) return {Step::Kind::end, 0, {}};
  if (state_ == State::rejected) return {Step::Kind::rejected, 0, {}};
  if (trailer_bytes_.empty() && input.starts_with("\r\n")) {
    state_ = State::end;
    return {Step::Kind::end, 2, {}};
  }
  // Kept here, since the views must outlive the input; never more than the limit.
  const std::size_t before = trailer_bytes_.size();
  const std::size_t room = limits.trailer_bytes - std::min(before, limits.trailer_bytes);
  trailer_bytes_.append(input.substr(0, room));
  if (!read_trailer_lines(limits)) return {Step::Kind::rejected, 0, {}};
  if (state_ == State::end) return {Step::Kind::end, trailer_position_ - before, {}};
  if (trailer_bytes_.size() >= limits.trailer_bytes) {
    refuse(Reject::trailers_too_large);
    return {Step::Kind::rejected, 0, {}};
  }
  return {Step::Kind::need_more, input.size(), {}};
}

bool ChunkedDecoder::read_trailer_lines(const ChunkLimits& limits) {
  const ByteRange in{trailer_bytes_.data(), trailer_bytes_.data() + trailer_bytes_.size()};
  for (;;) {
    const FieldLine line = read_field_line(in.begin + trailer_position_, in);
    if (line.kind == FieldLine::Kind::need_more) return true;
    if (line.kind == FieldLine::Kind::refused) return refuse(Reject::trailer_invalid);
    trailer_position_ = static_cast<std::size_t>(line.next - in.begin);
    if (line.kind == FieldLine::Kind::end) break;
    if (++trailer_count_ > limits.trailers) return refuse(Reject::trailers_too_large);
    if (!is_allowed_trailer(line.field.name)) return refuse(Reject::trailer_invalid);
  }
  // The storage has stopped growing: views of it can be made.
  for (const char* p = in.begin;;) {
    const FieldLine line = read_field_line(p, in);
    if (line.kind == FieldLine::Kind::end) break;
    trailers_.push_back(line.field);
    p = line.next;
  }
  state_ = State::end;
  return true;
}

}  // namespace finack::http
