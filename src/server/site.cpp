#include "server/site.h"

#include <fmt/format.h>

#include <chrono>

namespace finack::server {

Site::Site(const net::ListenSockets& sockets, std::string_view name, const Settings& settings,
           Admission& admission)
    : sockets_(sockets),
      settings_(settings),
      admission_(admission),
      name_(name.empty() ? std::string_view(sockets.name()) : name) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings_.timeouts.idle);
  if (settings_.keep_alive_header && seconds.count() > 0)
    keep_alive_ = fmt::format("timeout={}", seconds.count());
}

void Site::set_date(std::string_view date) {
  if (settings_.limits.requests_per_connection == 0)  // else Keep-Alive counts them
    usual_head_.assign(date, settings_.server_header, keep_alive_);
}

std::string_view Site::keep_alive_with(std::uint32_t left) {
  keep_alive_scratch_.clear();
  fmt::format_to(std::back_inserter(keep_alive_scratch_), "{}, max={}", keep_alive_, left);
  return keep_alive_scratch_;
}

}  // namespace finack::server
