#include "gateway/hash_key.h"

#include <string_view>

#include "finack/http/cookie.h"
#include "gateway/text_hash.h"
#include "http/ascii.h"

namespace finack::gateway {

std::uint64_t hash_key(const HashSettings& settings, std::span<const http::Header> headers,
                       const Address& client) {
  for (const http::Header& field : headers) {
    if (!settings.header.empty()) {
      if (http::equals_nocase(field.name, settings.header)) return hash_text(field.value);
    } else if (!settings.cookie.empty() && http::equals_lower(field.name, "cookie")) {
      const auto cookie = http::CookieView(field.value).get(settings.cookie);
      if (cookie) return hash_text(*cookie);
    }
  }
  const std::size_t size = client.family == Address::Family::v6 ? 16 : 4;
  return hash_text({reinterpret_cast<const char*>(client.bytes), size});
}

}  // namespace finack::gateway
