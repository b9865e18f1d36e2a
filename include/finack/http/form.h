#pragma once
#include <optional>
#include <string_view>

#include "finack/http/uri.h"

namespace finack::http {

/// The fields of an application/x-www-form-urlencoded body: the grammar is the query string's.
using FormView = QueryView;

/// The two halves of a media type and what follows, as views (RFC 9110 8.3.1).
struct MediaType {
  std::string_view type;        ///< "application"
  std::string_view subtype;     ///< "problem+json"
  std::string_view parameters;  ///< "; charset=utf-8", from the first ';' on, or "".

  /// The value of a parameter, quotes taken off (escapes inside stay); names compare without case.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

/// Parses a Content-Type value; nullopt when it is none.
std::optional<MediaType> parse_media_type(std::string_view content_type);

/// True when `content_type` is of the media type `wanted` ("application/json"), without case and
/// whatever its parameters are. `wanted` may be a range: "text/*", "*/*"; a subtype of the form
/// "*+json" matches the structured suffix (RFC 6839).
bool media_type_is(std::string_view content_type, std::string_view wanted);

/// True when a body of this Content-Type is a FormView's.
bool is_form(std::string_view content_type);

}  // namespace finack::http
