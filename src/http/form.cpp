#include "finack/http/form.h"

#include <algorithm>

#include "http/ascii.h"
#include "http/scan.h"

namespace finack::http {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, scan::accepts<scan::Token>);
}

/// Where a parameter value that starts at text[0] ends: behind a quoted-string or before the next
/// ';'.
std::size_t value_size(std::string_view text) {
  if (!text.starts_with('"')) return std::min(text.find(';'), text.size());
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

}  // namespace

std::optional<std::string_view> MediaType::parameter(std::string_view wanted) const {
  std::string_view rest = parameters;
  while (!rest.empty()) {
    rest = trim_ows(rest.substr(1));  // Its ';'.
    const std::size_t name_size = std::min(rest.find_first_of("=;"), rest.size());
    const std::string_view name = trim_ows(rest.substr(0, name_size));
    rest = rest.substr(name_size);
    if (!rest.starts_with('=')) continue;
    rest = rest.substr(1);
    std::string_view value = trim_ows(rest.substr(0, value_size(rest)));
    rest = rest.substr(value_size(rest));
    rest = rest.substr(std::min(rest.find(';'), rest.size()));
    if (!equals_nocase(name, wanted)) continue;
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return value;
  }
  return std::nullopt;
}

std::optional<MediaType> parse_media_type(std::string_view content_type) {
  const std::size_t end = std::min(content_type.find(';'), content_type.size());
  const std::string_view essence = trim_ows(content_type.substr(0, end));
  const std::size_t slash = essence.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const MediaType parsed{essence.substr(0, slash), essence.substr(slash + 1),
                         content_type.substr(end)};
  if (!is_token(parsed.type) || !is_token(parsed.subtype)) return std::nullopt;
  return parsed;
}

bool media_type_is(std::string_view content_type, std::string_view wanted) {
  const auto got = parse_media_type(content_type);
  const auto want = parse_media_type(wanted);
  if (!got || !want) return false;
  if (want->type != "*" && !equals_nocase(got->type, want->type)) return false;
  if (want->subtype == "*") return true;
  if (want->subtype.starts_with("*+")) {
    const std::string_view suffix = want->subtype.substr(1);
    return got->subtype.size() > suffix.size() &&
           equals_nocase(got->subtype.substr(got->subtype.size() - suffix.size()), suffix);
  }
  return equals_nocase(got->subtype, want->subtype);
}

bool is_form(std::string_view content_type) {
  return media_type_is(content_type, "application/x-www-form-urlencoded");
}

}  // namespace finack::http
