#pragma once
#include <string_view>

namespace finack::http {

/// False for fields that a trailer section must not carry, because they frame, route, authenticate
/// or change how the content is read (RFC 9110 6.5.1).
bool is_allowed_trailer(std::string_view name);

}  // namespace finack::http
