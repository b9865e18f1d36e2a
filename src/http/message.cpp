#include "finack/http/message.h"

#include <array>
#include <cstddef>

#include "http/ascii.h"

namespace finack::http {

std::string_view name(Method method) {
  constexpr std::array<std::string_view, 10> kNames = {
      "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return kNames[static_cast<std::size_t>(method)];
}

std::string_view RequestHead::header(std::string_view wanted) const {
  for (const Header& field : headers) {
    if (!equals_nocase(field.name, wanted)) continue;
    // An empty value is there, a missing one is not: only the latter has no address.
    return field.value.data() != nullptr ? field.value : std::string_view("");
  }
  return {};
}

}  // namespace finack::http
