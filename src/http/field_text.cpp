#include "http/field_text.h"

namespace finack::http {

bool is_any_value(std::string_view value) {
  const ByteRange in{value.data(), value.data() + value.size()};
  return scan::skip<scan::FieldValue>(in.begin, in) == in.end;
}

bool is_token(std::string_view name) {
  const ByteRange in{name.data(), name.data() + name.size()};
  return !name.empty() && scan::skip<scan::Token>(in.begin, in) == in.end;
}

}  // namespace finack::http
