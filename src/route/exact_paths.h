#pragma once
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "route/short_text.h"

namespace finack::route {

struct Route;

/// The routes of one method whose pattern is all static text, by that text: most requests are
/// answered by one look here. Open addressing, at most half full.
class ExactPaths {
 public:
  /// `path` is not in it yet; its bytes outlive this table.
  void add(std::string_view path, const Route& route) {
    if (++count_ * 2 > entries_.size()) {
      const auto old = std::exchange(entries_, std::vector<Entry>(entries_.size() * 2));
      for (const Entry& entry : old) {
        if (entry.route != nullptr) put(entry);
      }
    }
    put(Entry{path, &route});
  }
  /// nullptr: none.
  [[gnu::always_inline]] const Route* find(std::string_view path) const {
    const Entry* entries = entries_.data();
    const std::size_t mask = entries_.size() - 1;
    for (std::size_t i = hash_text(path.data(), path.size());; ++i) {
      const Entry& entry = entries[i & mask];
      if (entry.route == nullptr) return nullptr;
      if (entry.path.size() == path.size() &&
          same_text(entry.path.data(), path.data(), path.size())) {
        return entry.route;
      }
    }
  }

 private:
  struct alignas(32) Entry {
    std::string_view path;
    const Route* route = nullptr;
  };
  void put(const Entry& entry) {
    const std::size_t mask = entries_.size() - 1;
    std::size_t i = hash_text(entry.path.data(), entry.path.size());
    while (entries_[i & mask].route != nullptr) ++i;
    entries_[i & mask] = entry;
  }

  std::vector<Entry> entries_ = std::vector<Entry>(2);
  std::size_t count_ = 0;
};

}  // namespace finack::route
