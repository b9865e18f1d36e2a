#include "base/inbox.h"

#include <cstring>

namespace finack {

namespace {
constexpr std::size_t kSmall = 4096;
}

void Inbox::append(Buffer&& chunk) {
  bytes_ += chunk.size();
  if (!front_.empty()) {
    // A client that sends small pieces must not cost us a block for each.
    Buffer& tail = more_.empty() ? front_ : more_.back();
    if (const auto room = tail.space(); room.size() >= chunk.size() && chunk.size() <= kSmall) {
      std::memcpy(room.data(), chunk.view().data(), chunk.size());
      tail.grow(chunk.size());
      return;
    }
    more_.push_back(std::move(chunk));
    untidy_ = true;
    return;
  }
  if (holding_) {
    held_.push_back(std::move(front_));
    holding_ = false;
    untidy_ = true;
  }
  front_ = std::move(chunk);
}

/// The front piece is exhausted: the next one takes its place.
void Inbox::advance() {
  if (more_.empty()) {
    if (!holding_) front_.release();
    return;
  }
  if (holding_) held_.push_back(std::move(front_));
  holding_ = false;
  front_ = std::move(more_.front());
  more_.erase(more_.begin());
}

void Inbox::consume_spill(std::size_t n) {
  spill_at_ += n;
  if (spill_at_ < spill_.size()) return;
  if (!holding_spill_) {
    spill_.clear();
    spill_at_ = 0;
    return;
  }
  // Held and exhausted: what comes next must not be hidden behind it.
  held_spills_.push_back(std::move(spill_));
  holding_spill_ = false;
  spill_ = {};
  spill_at_ = 0;
}

void Inbox::join_more() {
  untidy_ = true;
  if (spill_at_ > 0) spill_.erase(0, std::exchange(spill_at_, 0));
  while (!more_.empty()) {
    Buffer& next = more_.front();
    const auto room = front_.space();
    if (spill_.empty() && room.size() >= next.size()) {
      // The usual case: a small piece joins a buffer that has room.
      std::memcpy(room.data(), next.view().data(), next.size());
      front_.grow(next.size());
      more_.erase(more_.begin());
      continue;
    }
    spill_.append(front_.view());
    front_ = std::move(next);
    more_.erase(more_.begin());
  }
  if (!spill_.empty()) {
    spill_.append(front_.view());
    front_.release();
  }
}

void Inbox::release_more() {
  held_.clear();
  held_spills_.clear();
  untidy_ = !more_.empty() || !spill_.empty();
}

void Inbox::clear_more() {
  more_.clear();
  spill_.clear();
  spill_at_ = 0;
}

void Inbox::drop_unread() {
  while (bytes_ > 0) consume(front().size());
}

}  // namespace finack
