#include "config/places.h"

#include <fmt/format.h>

namespace finack::config {

std::string Places::where(const std::string& path) const {
  const Place place = at(path);
  return fmt::format("{}:{}:{}", file_name_, place.line, place.column);
}

Place Places::at(std::string path) const {
  for (;;) {
    const auto found = places_.find(path);
    if (found != places_.end()) return found->second;
    const std::size_t end = path.find_last_of(".[");
    if (end == std::string::npos) return {};
    path.resize(end);
  }
}

}  // namespace finack::config
