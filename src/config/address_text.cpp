#include "config/address_text.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "config/units.h"

namespace finack::config {
namespace {

constexpr std::uint64_t kMaxPort = 65'535;

std::unexpected<std::string> refused(std::string_view text, std::string_view why,
                                     std::string_view forms) {
  return std::unexpected(fmt::format("'{}' {}: write {}", text, why, forms));
}

bool is_number_up_to(std::string_view text, std::uint64_t high) {
  const auto number = parse_count(text);
  return number && *number <= high;
}

bool is_ip(int family, std::string_view host) {
  unsigned char bytes[16];
  return inet_pton(family, std::string(host).c_str(), bytes) == 1;
}

bool is_bracketed_v6(std::string_view host) {
  return host.size() > 2 && host.starts_with('[') && host.ends_with(']') &&
         is_ip(AF_INET6, host.substr(1, host.size() - 2));
}

std::expected<void, std::string> check_unix_path(std::string_view text, std::string_view forms) {
  constexpr std::size_t kMaxUnixPath = 107;  // sun_path without its final NUL, unix(7)
  const std::string_view path = text.substr(5);
  if (path.empty()) return refused(text, "lacks a path", forms);
  if (path.size() > kMaxUnixPath) return refused(text, "is longer than 107 bytes", forms);
  return {};
}

/// Labels of letters, digits and inner '-' (RFC 1123 2.1; '_' as DNS in the wild has it).
bool is_dns_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return false;
  // Only digits and dots would be an IPv4 address, and this is none.
  if (name.find_first_not_of("0123456789.") == std::string_view::npos) return false;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    const auto fine = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_';
    };
    if (label.empty() || label.size() > 63 || label.starts_with('-') || label.ends_with('-') ||
        !std::ranges::all_of(label, fine)) {
      return false;
    }
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  return true;
}

}  // namespace

std::expected<void, std::string> check_listen(std::string_view text) {
  constexpr std::uint64_t kMaxNumber = std::numeric_limits<int>::max();
  if (text == "systemd") return {};
  if (text.starts_with("systemd:")) {
    if (is_number_up_to(text.substr(8), kMaxNumber)) return {};
    return refused(text, "counts no socket of systemd from 0", kListenForms);
  }
  if (text.starts_with("unix:")) return check_unix_path(text, kListenForms);
  if (text.starts_with("fd:")) {
    if (is_number_up_to(text.substr(3), kMaxNumber)) return {};
    return refused(text, "names no descriptor", kListenForms);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refused(text, "lacks a port", kListenForms);
  const std::string_view host = text.substr(0, colon);
  if (!is_number_up_to(text.substr(colon + 1), kMaxPort)) {
    return refused(text, "has no port from 0 to 65535", kListenForms);
  }
  if (host.empty() || host == "*" || host == "localhost" || is_ip(AF_INET, host) ||
      is_bracketed_v6(host)) {
    return {};
  }
  return refused(text,
                 "has no IP address before the port (IPv6 in brackets; names are not resolved)",
                 kListenForms);
}

std::expected<void, std::string> check_server(std::string_view text) {
  if (text.starts_with("unix:")) return check_unix_path(text, kServerForms);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refused(text, "lacks a port", kServerForms);
  const std::string_view host = text.substr(0, colon);
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port == 0 || *port > kMaxPort) {
    return refused(text, "has no port from 1 to 65535", kServerForms);
  }
  if (is_ip(AF_INET, host) || is_bracketed_v6(host) || is_dns_name(host)) return {};
  return refused(text, "has neither an IP address nor a name before the port (IPv6 in brackets)",
                 kServerForms);
}

}  // namespace finack::config
