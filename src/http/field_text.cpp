#include "http/field_text.h"

#include "http/scan_short.h"

namespace finack::http {

bool is_any_value(std::string_view value) { return scan::holds_only<scan::FieldValue>(value); }

bool is_token(std::string_view name) {
  return !name.empty() && scan::holds_only<scan::Token>(name);
}

}  // namespace finack::http
