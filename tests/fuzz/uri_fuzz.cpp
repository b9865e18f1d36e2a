// Paths, queries, forms, cookies and media types: views lie inside the input, decoding never grows.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "finack/http/cookie.h"
#include "finack/http/form.h"
#include "finack/http/uri.h"
#include "fuzz/require.h"

namespace {

void check_inside(std::string_view input, std::string_view view) {
  if (view.empty()) return;
  require(view.data() >= input.data() && view.data() + view.size() <= input.data() + input.size(),
          "view inside the input");
}

void check_uri(std::string_view input) {
  using namespace finack::http;
  std::string storage;
  if (const auto path = decode_path(input, storage)) {
    require(path->size() <= input.size(), "decoding does not grow");
    require(
        input.find('\0') != std::string_view::npos || path->find('\0') == std::string_view::npos,
        "no NUL from an escape");
    require(decode_path(input) == std::string(*path), "both forms agree");
  }
  const QueryView query(input);
  std::size_t pairs = 0;
  for (const auto& pair : query) {
    check_inside(input, pair.name);
    check_inside(input, pair.value);
    const auto name = decode_query(pair.name);
    if (name && decode_query(pair.value)) require(query.has(*name), "what is listed is found");
    if (++pairs == 8) break;
  }
}

void check_values(std::string_view input) {
  using namespace finack::http;
  for (const auto& cookie : CookieView(input)) {
    check_inside(input, cookie.name);
    check_inside(input, cookie.value);
    require(!cookie.name.empty(), "a cookie has a name");
    require(cookie.value.find(';') == std::string_view::npos, "a cookie ends at ';'");
  }
  if (const auto type = parse_media_type(input)) {
    check_inside(input, type->type);
    check_inside(input, type->parameters);
    if (const auto charset = type->parameter("charset")) check_inside(input, *charset);
    require(media_type_is(input, "*/*"), "every type matches */*");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_uri(input);
  check_values(input);
  return 0;
}
