#include "admin/same_site.h"

#include <algorithm>

#include "finack/base/address.h"
#include "http/ascii.h"

namespace finack::admin {
namespace {

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b,
                            [](char x, char y) { return http::to_lower(x) == http::to_lower(y); });
}

std::string_view without_port(std::string_view host) { return host.substr(0, host.find(':')); }

bool known_host(std::string_view host, std::string_view name) {
  if (parse_address(host)) return true;
  const std::string_view asked = without_port(host);
  return same(asked, "localhost") || (!name.empty() && same(asked, name));
}

bool same_origin(std::string_view origin, std::string_view host) {
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && same(origin.substr(scheme + 3), host);
}

}  // namespace

std::string_view foreign(const http::RequestHead& head, std::string_view name) {
  if (!known_host(head.host, name))
    return "Host is neither an address, nor localhost, nor the name of admin-host";
  for (const http::Header& header : head.headers) {
    if (same(header.name, "Origin") && !same_origin(header.value, head.host))
      return "Origin is another site";
  }
  return {};
}

}  // namespace finack::admin
