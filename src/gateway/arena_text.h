#pragma once
#include <initializer_list>
#include <string_view>

#include "route/byte_arena.h"

namespace finack::gateway {

/// The parts one behind the other; lives as long as what the arena holds.
inline std::string_view join(route::ByteArena& arena,
                             std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  char* const begin = arena.take(size);
  char* place = begin;
  for (const std::string_view part : parts) place += part.copy(place, part.size());
  return {begin, size};
}

}  // namespace finack::gateway
