#include "http/request_line.h"

#include <algorithm>

#include "http/ascii.h"
#include "http/host.h"

namespace finack::http {
namespace {

// No registered method is longer than 16 bytes; a longer token is noise that has not met a space.
constexpr std::ptrdiff_t kMaxMethod = 64;

/// One request line being read.
struct Reading {
  RequestHead& head;
  ByteRange in;
  const char* at;  // The first byte not yet read.
  Reject reject = Reject::none;
};

// The steps return false when the line ends there: refused, or in want of bytes.
bool refuse(Reading& line, Reject reason) {
  line.reject = reason;
  return false;
}

constexpr bool kWantMore = false;

/// At a byte that the current part cannot hold: a line end that came too early, a bare CR or LF, or
/// `otherwise`.
bool refuse_at(Reading& line, const char* at, Reject otherwise) {
  if (*at == '\n') return refuse(line, Reject::request_line_bare_lf);
  if (*at != '\r') return refuse(line, otherwise);
  if (at + 1 == line.in.end) return kWantMore;
  return refuse(line, at[1] == '\n' ? otherwise : Reject::request_line_bare_cr);
}

bool read_method(Reading& line) {
  const char* start = line.at;
  const char* end = line.in.end;
  const ByteRange clipped{line.in.begin, end - start > kMaxMethod ? start + kMaxMethod + 1 : end};
  const char* p = scan::skip<scan::Token>(start, clipped);
  if (p - start > kMaxMethod) return refuse(line, Reject::method_invalid);
  if (p == end) return kWantMore;
  if (*p != ' ' || p == start) return refuse_at(line, p, Reject::method_invalid);
  line.head.method_name = std::string_view(start, p);
  line.head.method = method_of(line.head.method_name);
  line.at = p + 1;
  return true;
}

bool read_target(Reading& line, std::size_t limit) {
  const char* start = line.at;
  const char* end = line.in.end;
  const auto room = static_cast<std::size_t>(end - start);
  const ByteRange clipped{line.in.begin, room > limit ? start + limit + 1 : end};
  const char* path_end = scan::skip<scan::Path>(start, clipped);
  const char* p = path_end;
  if (p != clipped.end && *p == '?') p = scan::skip<scan::Query>(p + 1, clipped);
  const auto size = static_cast<std::size_t>(p - start);
  if (size > limit) return refuse(line, Reject::target_too_long);
  if (p == end) return kWantMore;
  if (*p != ' ' || size == 0) return refuse_at(line, p, Reject::target_invalid);
  const auto path_size = static_cast<std::size_t>(path_end - start);
  line.head.target = std::string_view(start, size);
  line.head.path = std::string_view(start, path_size);
  line.head.query =
      path_size != size ? std::string_view(path_end + 1, size - path_size - 1) : std::string_view();
  line.at = p + 1;
  return true;
}

bool read_version(Reading& line) {
  constexpr std::string_view kShape = "HTTP/0.0";
  const char* end = line.in.end;
  const char* p = line.at;
  for (std::size_t i = 0; i < kShape.size(); ++i, ++p) {
    if (p == end) return kWantMore;
    const bool fits =
        kShape[i] == '0' ? scan::is_digit(static_cast<unsigned char>(*p)) : *p == kShape[i];
    if (!fits) return refuse_at(line, p, Reject::version_invalid);
  }
  if (p == end) return kWantMore;
  if (*p != '\r') return refuse_at(line, p, Reject::version_invalid);
  if (p + 1 == end) return kWantMore;
  if (p[1] != '\n') return refuse(line, Reject::request_line_bare_cr);
  if (p[-3] != '1' || p[-1] > '1') return refuse(line, Reject::version_unsupported);
  line.head.minor = static_cast<std::uint8_t>(p[-1] - '0');
  line.at = p + 2;
  return true;
}

/// Takes "http://authority" off an absolute-form.
bool split_absolute_form(Reading& line) {
  RequestHead& head = line.head;
  const std::string_view authority = authority_of(head.target, line.in);
  if (authority.empty()) return refuse(line, Reject::target_invalid);
  head.host = authority;
  head.path.remove_prefix(static_cast<std::size_t>(authority.end() - head.target.begin()));
  if (head.path.empty()) {
    // RFC 9112 3.2.4: OPTIONS for the whole server arrives in absolute-form without a path.
    head.path = head.method == Method::options && head.query.data() == nullptr ? "*" : "/";
  }
  return true;
}

bool check_form(Reading& line) {
  if (line.head.method == Method::connect) return refuse(line, Reject::authority_form_refused);
  if (line.head.path.starts_with('/')) return true;
  if (line.head.target == "*") {
    return line.head.method == Method::options || refuse(line, Reject::target_invalid);
  }
  return split_absolute_form(line);
}

}  // namespace

RequestLine read_request_line(const char* p, ByteRange in, std::size_t target_limit,
                              RequestHead& head) {
  Reading line{head, in, p};
  head.host = {};
  if (read_method(line) && read_target(line, target_limit) && read_version(line) &&
      check_form(line)) {
    return {line.at, Reject::none};
  }
  return {nullptr, line.reject};
}

std::string_view authority_of(std::string_view target, ByteRange in) {
  const std::size_t colon = target.find(':');
  if (colon == std::string_view::npos || target.substr(colon + 1, 2) != "//") return {};
  const std::string_view scheme = target.substr(0, colon);
  if (!equals_lower(scheme, "http") && !equals_lower(scheme, "https")) return {};
  const std::string_view rest = target.substr(colon + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  return is_host(authority, in) ? authority : std::string_view();
}

Method method_of(std::string_view token) {
  for (std::size_t i = 1; i <= static_cast<std::size_t>(Method::patch); ++i) {
    const Method method = static_cast<Method>(i);
    if (name(method) == token) return method;
  }
  return Method::other;
}

}  // namespace finack::http
