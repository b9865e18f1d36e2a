#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "config/part.h"
#include "gateway/cluster_settings.h"

// What single texts of the gateway's file may be. Errors are half sentences for a person.

namespace finack::gateway {

using TextVerdict = std::expected<void, std::string>;

/// A field name (RFC 9110 5.1), and one that a person may set: not those that frame the message or
/// belong to one hop (RFC 9110 7.6.1), which the gateway writes itself.
TextVerdict check_field_name(std::string_view text);
TextVerdict check_settable_field_name(std::string_view text);
/// Visible ASCII and inner spaces (RFC 9110 5.5).
TextVerdict check_field_value(std::string_view text);
/// A Host: "example.test" or "10.0.0.1:80" (RFC 9110 7.2).
TextVerdict check_host(std::string_view text);
/// "example.test" or "*.example.test", without a port.
TextVerdict check_host_pattern(std::string_view text);
/// An absolute path without query and fragment.
TextVerdict check_path(std::string_view text);
/// A path or an absolute http(s) URL.
TextVerdict check_redirect(std::string_view text);
TextVerdict check_regex(std::string_view text);
/// Whether `with` may replace matches of `regex`: no group that there is not.
TextVerdict check_substitution(std::string_view regex, std::string_view with);
/// A pseudonym of Via (RFC 9110 7.6.3).
TextVerdict check_via(std::string_view text);
/// A token (RFC 9110 5.6.2) in upper case; CONNECT is never routed.
TextVerdict check_method(std::string_view text);
TextVerdict check_cookie_name(std::string_view text);
/// A protocol of an Upgrade header.
TextVerdict check_protocol(std::string_view text);
/// A protocol of ALPN that is spoken with servers.
TextVerdict check_server_protocol(std::string_view text);
/// An address or a range, "10.0.0.0/8".
TextVerdict check_network(std::string_view text);

/// 500 to 563, those that a retry rule can hold.
std::expected<int, std::string> parse_retry_status(std::string_view text);
/// "200" or "200-399".
std::expected<StatusRange, std::string> parse_status_range(std::string_view text);
std::string format_status_range(const StatusRange& range);

/// Keys of maps of headers: to be read, and to be set.
config::KeyRule field_names();
config::KeyRule settable_field_names();

}  // namespace finack::gateway
