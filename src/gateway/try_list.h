#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "finack/record/record.h"

namespace finack::gateway {

/// The tries of one request, for its record: of many the last eight.
class TryList {
 public:
  void clear() { count_ = 0; }
  void add(const record::UpstreamTry& one) {
    if (count_ == tries_.size()) {
      std::shift_left(tries_.begin(), tries_.end(), 1);
      --count_;
    }
    tries_[count_++] = one;
  }
  bool empty() const { return count_ == 0; }
  std::span<const record::UpstreamTry> all() const { return {tries_.data(), count_}; }

 private:
  std::array<record::UpstreamTry, 8> tries_{};
  std::size_t count_ = 0;
};

}  // namespace finack::gateway
