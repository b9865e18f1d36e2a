#include "http/status_line.h"

#include "http/ascii.h"

namespace finack::http {
namespace {

constexpr StatusLineRead kNeedMore = {nullptr, ResponseReject::none};

StatusLineRead refused(ResponseReject reason) { return {nullptr, reason}; }

/// At a byte that the current part cannot hold: a line end that came too early, a bare CR or LF, or
/// `otherwise`.
StatusLineRead refuse_at(const char* at, ByteRange in, ResponseReject otherwise) {
  if (*at == '\n') return refused(ResponseReject::status_line_bare_lf);
  if (*at != '\r') return refused(otherwise);
  if (at + 1 == in.end) return kNeedMore;
  return refused(at[1] == '\n' ? otherwise : ResponseReject::status_line_bare_cr);
}

/// The line's end at `at`, where only CRLF may stand; `otherwise` for any other byte.
StatusLineRead end_line(const char* at, ByteRange in, ResponseReject otherwise) {
  if (at == in.end) return kNeedMore;
  if (*at != '\r') return refuse_at(at, in, otherwise);
  if (at + 1 == in.end) return kNeedMore;
  if (at[1] != '\n') return refused(ResponseReject::status_line_bare_cr);
  return {at + 2, ResponseReject::none};
}

bool is_digit(char c) { return scan::is_digit(static_cast<unsigned char>(c)); }

StatusLineRead read_version(const char* p, ByteRange in, ReceivedResponse& head) {
  if (in.end - p >= 9 && load8(p) == load8("HTTP/1.1") && p[8] == ' ') [[likely]] {
    head.minor = 1;
    return {p + 9, ResponseReject::none};
  }
  constexpr std::string_view kShape = "HTTP/0.0 ";
  for (const char shape : kShape) {
    if (p == in.end) return kNeedMore;
    if (shape == '0' ? !is_digit(*p) : *p != shape) {
      return refuse_at(p, in, ResponseReject::version_invalid);
    }
    ++p;
  }
  if (p[-4] != '1' || p[-2] > '1') return refused(ResponseReject::version_unsupported);
  head.minor = static_cast<std::uint8_t>(p[-2] - '0');
  return {p, ResponseReject::none};
}

// RFC 9110 15: 100 to 599; a status of another class is refused, since nobody knows what it means
// for the framing.
StatusLineRead read_status(const char* p, ByteRange in, ReceivedResponse& head) {
  int status = 0;
  for (int i = 0; i < 3; ++i, ++p) {
    if (p == in.end) return kNeedMore;
    const bool fits = i == 0 ? *p >= '1' && *p <= '5' : is_digit(*p);
    if (!fits) return refuse_at(p, in, ResponseReject::status_invalid);
    status = status * 10 + (*p - '0');
  }
  head.status = status;
  return {p, ResponseReject::none};
}

}  // namespace

StatusLineRead read_status_line(const char* p, ByteRange in, ReceivedResponse& head) {
  head.status = 0;
  head.reason = {};
  const StatusLineRead version = read_version(p, in, head);
  if (version.next == nullptr) return version;
  if (in.end - version.next >= 8 && load8(version.next) == load8("200 OK\r\n")) [[likely]] {
    head.status = 200;
    head.reason = {version.next + 4, 2};
    return {version.next + 8, ResponseReject::none};
  }
  const StatusLineRead status = read_status(version.next, in, head);
  if (status.next == nullptr) return status;
  const char* begin = status.next;
  if (begin == in.end || *begin != ' ') {
    head.reason = {begin, begin};
    return end_line(begin, in, ResponseReject::status_invalid);
  }
  ++begin;
  const char* stop = scan::skip<scan::FieldValue>(begin, in);
  const StatusLineRead line = end_line(stop, in, ResponseReject::reason_phrase_invalid);
  if (line.next != nullptr) head.reason = std::string_view(begin, stop);
  return line;
}

}  // namespace finack::http
