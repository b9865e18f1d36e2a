#pragma once
#include <expected>
#include <string>
#include <string_view>

namespace finack::config {

/// What addresses of listeners look like, for errors and pages.
inline constexpr std::string_view kListenForms =
    "127.0.0.1:8080, [::1]:8080, localhost:8080, :8080, unix:/path, fd:3 or systemd";
/// The same of servers to connect to.
inline constexpr std::string_view kServerForms =
    "127.0.0.1:9001, [::1]:9001, api.example:9001 or unix:/path";

/// Whether net::Listener can take it: names but localhost are not resolved there.
std::expected<void, std::string> check_listen(std::string_view text);
/// Whether a server can be dialed there: names are resolved, the port is never 0.
std::expected<void, std::string> check_server(std::string_view text);

}  // namespace finack::config
