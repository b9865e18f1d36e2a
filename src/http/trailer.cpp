#include "http/trailer.h"

#include <algorithm>
#include <array>

#include "http/ascii.h"

namespace finack::http {

bool is_allowed_trailer(std::string_view name) {
  constexpr std::array<std::string_view, 32> kForbidden = {
      "age",
      "authorization",
      "cache-control",
      "connection",
      "content-encoding",
      "content-length",
      "content-range",
      "content-type",
      "cookie",
      "date",
      "expect",
      "expires",
      "host",
      "if-match",
      "if-modified-since",
      "if-none-match",
      "if-range",
      "if-unmodified-since",
      "keep-alive",
      "location",
      "max-forwards",
      "proxy-authorization",
      "proxy-connection",
      "range",
      "retry-after",
      "set-cookie",
      "te",
      "trailer",
      "transfer-encoding",
      "upgrade",
      "vary",
      "www-authenticate",
  };
  return std::ranges::none_of(
      kForbidden, [name](std::string_view forbidden) { return equals_lower(name, forbidden); });
}

}  // namespace finack::http
