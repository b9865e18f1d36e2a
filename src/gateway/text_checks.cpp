#include "gateway/text_checks.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "config/suggest.h"
#include "config/units.h"
#include "finack/http/request_encoder.h"
#include "gateway/path_rewrite.h"
#include "http/ascii.h"
#include "http/field_text.h"
#include "http/scan.h"
#include "route/client_address.h"

namespace finack::gateway {
namespace {

using config::in_quotes;

std::unexpected<std::string> refused(std::string_view text, std::string_view why) {
  return std::unexpected(fmt::format("{} {}", in_quotes(text), why));
}

template <class Class>
bool all_of(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return Class::accepts(static_cast<unsigned char>(c));
  });
}

}  // namespace

TextVerdict check_field_name(std::string_view text) {
  if (http::is_token(text)) return {};
  return refused(text, "is no header name: write letters, digits and -");
}

TextVerdict check_settable_field_name(std::string_view text) {
  constexpr std::array<std::string_view, 9> kOwn = {
      "connection", "content-length", "host",    "keep-alive",       "proxy-connection",
      "te",         "trailer",        "upgrade", "transfer-encoding"};
  for (const std::string_view own : kOwn) {
    if (http::equals_lower(text, own)) {
      return refused(text, "belongs to the connection: the gateway writes it itself");
    }
  }
  return check_field_name(text);
}

TextVerdict check_field_value(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return std::unexpected("only visible ASCII may stand in a header");
  }
  if (text.starts_with(' ') || text.ends_with(' ')) {
    return std::unexpected("a header value neither starts nor ends with a space");
  }
  return {};
}

TextVerdict check_host(std::string_view text) {
  if (http::check({.host = text, .upgrade = {}}) != http::RequestFault::none)
    return std::unexpected("it is no host, with a port or without");
  return {};
}

TextVerdict check_host_pattern(std::string_view text) {
  std::string_view name = text;
  if (name.starts_with("*.")) name.remove_prefix(2);
  const bool address = name.starts_with('[') && name.ends_with(']') && parse_address(name);
  if (address && name.size() == text.size()) return {};
  if (name.find(':') != std::string_view::npos) {
    return refused(text, "has a port: write the host alone, such as example.test");
  }
  const bool fine = all_of<http::scan::HostName>(name) && name.find('*') == name.npos &&
                    !name.starts_with('.') && name.find("..") == name.npos;
  if (fine) return {};
  return refused(text, "is no host: write example.test or *.example.test");
}

TextVerdict check_path(std::string_view text) {
  if (!text.starts_with('/')) return refused(text, "is no path: it must begin with /");
  if (all_of<http::scan::Path>(text)) return {};
  return refused(text, "is no path: spaces, ?, #, \" and \\ cannot stand in it");
}

TextVerdict check_redirect(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("http://") || rest.starts_with("https://")) {
    rest.remove_prefix(rest.find("//") + 2);
  } else if (!rest.starts_with('/')) {
    return refused(text, "is no target: write a path or http://... or https://...");
  }
  const bool visible =
      !rest.empty() && std::ranges::all_of(rest, [](char c) { return c > 0x20 && c < 0x7F; });
  if (visible) return {};
  return refused(text, "is no target: only visible ASCII can stand in it");
}

TextVerdict check_regex(std::string_view text) {
  const auto regex = compile_regex(text);
  if (regex) return {};
  return refused(text, fmt::format("is no regular expression of RE2: {}", regex.error()));
}

TextVerdict check_substitution(std::string_view regex, std::string_view with) {
  const auto pattern = compile_regex(regex);
  if (!pattern) return {};  // check_regex tells.
  std::string error;
  if ((*pattern)->CheckRewriteString(re2::StringPiece(with.data(), with.size()), &error)) return {};
  return refused(with, fmt::format("is no replacement: {}", error));
}

TextVerdict check_via(std::string_view text) {
  if (http::is_token(text)) return {};
  return refused(text, "is no name for Via: write letters, digits and -");
}

TextVerdict check_method(std::string_view text) {
  if (text == "CONNECT") return refused(text, "is never routed");
  const bool upper = std::ranges::none_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
  if (http::is_token(text) && upper) return {};
  return refused(text, "is no method: write it in upper case, such as GET");
}

TextVerdict check_cookie_name(std::string_view text) {
  if (http::is_token(text)) return {};
  return refused(text, "is no cookie name: write letters, digits, - and _");
}

TextVerdict check_protocol(std::string_view text) {
  const bool fine = all_of<http::scan::Token>(text.substr(0, text.find('/'))) &&
                    std::ranges::count(text, '/') <= 1 && !text.ends_with('/');
  if (!fine) return refused(text, "is no protocol: write websocket, for example");
  if (http::equals_lower(text, "h2c")) return refused(text, "is not supported");
  return {};
}

TextVerdict check_server_protocol(std::string_view text) {
  if (text == "http/1.1") return {};
  return refused(text, "is not spoken with servers: write http/1.1");
}

TextVerdict check_network(std::string_view text) {
  if (route::parse_network(text) || parse_address(text)) return {};
  return refused(text, "is neither an address nor a range: write 10.0.0.1 or 10.0.0.0/8");
}

std::expected<int, std::string> parse_retry_status(std::string_view text) {
  const auto status = config::parse_count(text);
  if (status && *status >= 500 && *status <= 563) return static_cast<int>(*status);
  return refused(text, "is no status that can be retried: allowed is 500 to 563");
}

std::expected<StatusRange, std::string> parse_status_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto low = config::parse_count(text.substr(0, dash));
  const auto high =
      dash == std::string_view::npos ? low : config::parse_count(text.substr(dash + 1));
  if (low && high && *low >= 200 && *low <= *high && *high <= 599) {
    return StatusRange{static_cast<int>(*low), static_cast<int>(*high)};
  }
  return refused(text, "is no range of statuses from 200 to 599: write 200 or 200-399");
}

std::string format_status_range(const StatusRange& range) {
  return range.low == range.high ? fmt::format("{}", range.low)
                                 : fmt::format("{}-{}", range.low, range.high);
}

namespace {
constexpr std::string_view kTokenPattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
}  // namespace

config::KeyRule field_names() { return {check_field_name, kTokenPattern}; }
config::KeyRule settable_field_names() { return {check_settable_field_name, kTokenPattern}; }

}  // namespace finack::gateway
