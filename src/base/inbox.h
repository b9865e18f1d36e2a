#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/buffer.h"

namespace finack {

/// The bytes a peer has sent that nobody has consumed yet, in leased buffers, in order.
/// Nearly always that is one buffer. Views into a piece that was held stay valid until
/// release_held(), also when the piece is exhausted.
class Inbox {
 public:
  void append(Buffer&& chunk);
  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  /// The contiguous bytes at the front; empty only when the inbox is.
  std::string_view front() const {
    return spill_.empty() ? front_.view() : std::string_view(spill_).substr(spill_at_);
  }
  /// front() as the buffer that it fills, without a copy, when it may be held; else an empty one,
  /// and nothing is taken.
  Buffer take_front() {
    if (!spill_.empty() || holding_ || !front_.may_be_held()) return {};
    bytes_ -= front_.size();
    Buffer taken = std::move(front_);
    front_.rewind();
    advance();
    return taken;
  }
  /// Drops the first n bytes of front().
  void consume(std::size_t n) {
    bytes_ -= n;
    if (!spill_.empty()) return consume_spill(n);
    front_.consume(n);
    if (front_.empty()) advance();
  }
  /// Joins what the front lacks of a head with the bytes behind it, so that front() is all there
  /// is.
  void join() {
    if (!more_.empty() || (!spill_.empty() && !front_.empty())) join_more();
  }
  /// Visits all pieces in order, without consuming.
  template <class Fn>
  void for_each_piece(Fn fn) const {
    if (!spill_.empty()) fn(std::string_view(spill_).substr(spill_at_));
    if (!front_.empty()) fn(front_.view());
    for (const Buffer& chunk : more_) fn(chunk.view());
  }

  /// Keep the memory of the piece now at the front until release_held(): a head points into it.
  void hold_front() { (spill_.empty() ? holding_ : holding_spill_) = true; }
  void release_held() {
    holding_ = holding_spill_ = false;
    if (untidy_) release_more();
    if (front_.empty()) front_.release();
  }
  /// Drops all bytes that were not consumed; what is held stays.
  void drop_unread();
  void clear() {
    bytes_ = 0;
    front_.release();
    if (untidy_) clear_more();
    release_held();
  }

 private:
  void advance();
  void consume_spill(std::size_t n);
  void join_more();
  void release_more();
  void clear_more();

  Buffer front_;
  std::vector<Buffer> more_;  ///< Behind front_.
  std::vector<Buffer> held_;  ///< Exhausted, and still viewed.
  std::vector<std::string> held_spills_;
  std::string spill_;  ///< Before front_: a head that did not fit one buffer.
  std::size_t spill_at_ = 0;
  std::size_t bytes_ = 0;
  bool untidy_ = false;  ///< More than front_ may be in use.
  bool holding_ = false;
  bool holding_spill_ = false;
};

}  // namespace finack
