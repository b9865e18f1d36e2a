#include "finack/http/cookie.h"

#include <algorithm>

#include "http/ascii.h"
#include "http/scan.h"

namespace finack::http {
namespace {

/// RFC 6265 4.1.1 cookie-octet, and what clients send besides: space, comma, double quote,
/// backslash and obs-text. Controls and the ';' that ends a cookie cannot be.
bool is_cookie_byte(char c) { return scan::accepts<scan::FieldValue>(c) && c != '\t' && c != ';'; }

bool read_cookie(std::string_view member, CookieView::Cookie& cookie) {
  const std::size_t equals = member.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const std::string_view name = trim_ows(member.substr(0, equals));
  std::string_view value = trim_ows(member.substr(equals + 1));
  if (name.empty() || !std::ranges::all_of(name, scan::accepts<scan::Token>)) return false;
  if (!std::ranges::all_of(value, is_cookie_byte)) return false;
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  cookie = {name, value};
  return true;
}

}  // namespace

void CookieView::Iterator::advance() {
  while (!rest_.empty()) {
    const std::size_t end = rest_.find(';');
    const std::string_view member = trim_ows(rest_.substr(0, end));
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    if (read_cookie(member, cookie_)) return;
  }
  cookie_ = {};
  at_end_ = true;
}

std::optional<std::string_view> CookieView::get(std::string_view wanted) const {
  for (const Cookie& cookie : *this) {
    if (cookie.name == wanted) return cookie.value;
  }
  return std::nullopt;
}

}  // namespace finack::http
