#include "finack/http/message.h"

#include <array>
#include <cstddef>

#include "finack/http/response_parser.h"
#include "http/ascii.h"

namespace finack::http {

std::string_view name(Method method) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return kNames[static_cast<std::size_t>(method)];
}

namespace {

std::string_view find(const std::vector<Header>& headers, std::string_view wanted) {
  for (const Header& field : headers) {
    if (!equals_nocase(field.name, wanted)) continue;
    // An empty value is there, a missing one is not: only the latter has no address.
    return field.value.data() != nullptr ? field.value : std::string_view("");
  }
  return {};
}

}  // namespace

std::string_view RequestHead::header(std::string_view wanted) const {
  return find(headers, wanted);
}

std::string_view ReceivedResponse::header(std::string_view wanted) const {
  return find(headers, wanted);
}

}  // namespace finack::http
