#include "server/site.h"

#include <fmt/format.h>

#include <chrono>

namespace finack::server {

Site::Site(std::uint32_t listener, std::shared_ptr<const ListenerTerms> terms)
    : terms_(std::move(terms)), listener_(listener) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings().timeouts.idle);
  if (settings().keep_alive_header && seconds.count() > 0)
    keep_alive_ = fmt::format("timeout={}", seconds.count());
}

void Site::retire(record::Cause cause, Instant now) {
  if (retiring_) return;
  retiring_ = true;
  cause_ = cause;
  since_ = now;
}

Instant Site::deadline() const {
  const Nanos drain = settings().timeouts.drain;
  return drain == Nanos{0} ? Instant::max() : since_ + drain;
}

void Site::set_date(std::string_view date) {
  if (settings().limits.requests_per_connection == 0)  // else Keep-Alive counts them
    usual_head_.assign(date, settings().server_header, keep_alive_);
}

std::string_view Site::keep_alive_with(std::uint32_t left) {
  keep_alive_scratch_.clear();
  fmt::format_to(std::back_inserter(keep_alive_scratch_), "{}, max={}", keep_alive_, left);
  return keep_alive_scratch_;
}

}  // namespace finack::server
