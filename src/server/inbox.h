#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/buffer.h"

namespace finack::server {

/// The bytes a client has sent that no request has consumed yet, in leased buffers, in order. Views into
/// them stay valid until release_held() even when their buffer is exhausted, because an exhausted
/// buffer that is held for a head is kept, not given back.
class Inbox {
 public:
  void append(Buffer chunk);
  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  /// The contiguous bytes at the front; empty only when the inbox is.
  std::string_view front() const;
  /// Drops the first n bytes of front().
  void consume(std::size_t n);
  /// Joins what front() lacks of a head with the next buffers' bytes, so that front() is all there is.
  void join();
  /// Visits all pieces in order, without consuming.
  template <class Fn>
  void for_each_piece(Fn fn) const {
    if (spill_at_ < spill_.size()) fn(std::string_view(spill_).substr(spill_at_));
    for (std::size_t i = first_; i < chunks_.size(); ++i)
      if (!chunks_[i].empty()) fn(chunks_[i].view());
  }

  /// Keep the memory of the piece now at the front until release_held(): a parsed head points into it.
  void hold_front() { (spill_at_ < spill_.size() ? holding_spill_ : holding_) = true; }
  void release_held();
  /// Drops all bytes that were not consumed; what is held stays.
  void drop_unread();
  void clear();

 private:
  void pop_front_chunk();

  std::vector<Buffer> chunks_;  // [first_, end) are live
  std::vector<Buffer> held_;    // exhausted, still viewed by the current head
  std::string spill_;           // a head that did not fit one buffer, and what came with it
  std::size_t spill_at_ = 0;
  std::size_t first_ = 0;
  std::size_t bytes_ = 0;
  bool holding_ = false;
  bool holding_spill_ = false;
};

}  // namespace finack::server
