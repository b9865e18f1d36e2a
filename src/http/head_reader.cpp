#include "http/head_reader.h"

namespace finack::http {

bool make_room(std::vector<Header>& headers, std::size_t limit) {
  constexpr std::size_t kFirst = 16;
  if (headers.size() >= limit) return false;
  headers.reserve(std::min(limit, std::max(headers.size() * 2, kFirst)));
  return true;
}

}  // namespace finack::http
