#include "http/field_line.h"

namespace finack::http {
namespace {

constexpr FieldLine kNeedMore = {FieldLine::Kind::need_more, Reject::none, nullptr, {}};

FieldLine refused(Reject reason) { return {FieldLine::Kind::refused, reason, nullptr, {}}; }

/// Where a field name had to go on or end: an empty line, an unfinished line or an error. `start`
/// is the line's first byte, `at` the first byte that is no token.
FieldLine read_line_without_field(const char* start, const char* at, const char* end) {
  switch (*at) {
    case '\r':
      if (at + 1 == end) return kNeedMore;
      if (at[1] != '\n') return refused(Reject::header_bare_cr);
      if (at != start) return refused(Reject::header_no_colon);
      return {FieldLine::Kind::end, Reject::none, at + 2, {}};
    case '\n':
      return refused(Reject::header_bare_lf);
    case ' ':
    case '\t':
      return refused(at == start ? Reject::header_obs_fold
                                 : Reject::header_name_space_before_colon);
    default:
      return refused(Reject::header_name_invalid);
  }
}

}  // namespace

FieldLine read_field_line(const char* p, ByteRange in) {
  const char* colon = scan::skip<scan::Token>(p, in);
  if (colon == in.end) return kNeedMore;
  if (*colon != ':' || colon == p) return read_line_without_field(p, colon, in.end);
  const char* begin = colon + 1;
  while (begin != in.end && (*begin == ' ' || *begin == '\t')) ++begin;
  const char* stop = scan::skip<scan::FieldValue>(begin, in);
  if (stop == in.end) return kNeedMore;
  if (*stop == '\n') return refused(Reject::header_bare_lf);
  if (*stop != '\r') return refused(Reject::header_value_control);
  if (stop + 1 == in.end) return kNeedMore;
  if (stop[1] != '\n') return refused(Reject::header_bare_cr);
  const char* last = stop;
  while (last != begin && (last[-1] == ' ' || last[-1] == '\t')) --last;
  return {FieldLine::Kind::field,
          Reject::none,
          stop + 2,
          {std::string_view(p, colon), std::string_view(begin, last)}};
}

}  // namespace finack::http
