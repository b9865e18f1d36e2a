#include "server/inbox.h"

#include <cstring>

namespace finack::server {

void Inbox::append(Buffer chunk) {
  bytes_ += chunk.size();
  chunks_.push_back(std::move(chunk));
}

std::string_view Inbox::front() const {
  if (spill_at_ < spill_.size()) return std::string_view(spill_).substr(spill_at_);
  return first_ < chunks_.size() ? chunks_[first_].view() : std::string_view();
}

void Inbox::consume(std::size_t n) {
  bytes_ -= n;
  if (spill_at_ < spill_.size()) {
    spill_at_ += n;
    if (spill_at_ == spill_.size() && !holding_spill_) {
      spill_.clear();
      spill_at_ = 0;
    }
    return;
  }
  chunks_[first_].consume(n);
  if (chunks_[first_].empty()) pop_front_chunk();
}

void Inbox::pop_front_chunk() {
  if (holding_) {
    held_.push_back(std::move(chunks_[first_]));
    holding_ = false;
  } else {
    chunks_[first_].release();
  }
  if (++first_ == chunks_.size()) {
    chunks_.clear();
    first_ = 0;
  }
}

void Inbox::join() {
  while (first_ < chunks_.size()) {
    const bool spilled = spill_at_ < spill_.size();
    if (!spilled && first_ + 1 == chunks_.size()) return;
    if (!spilled) {
      // The usual case: a small piece joins a buffer that has room.
      Buffer& front = chunks_[first_];
      Buffer& next = chunks_[first_ + 1];
      if (const auto room = front.space(); room.size() >= next.size()) {
        std::memcpy(room.data(), next.view().data(), next.size());
        front.grow(next.size());
        chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(first_) + 1);
        continue;
      }
    }
    if (!spilled) {
      spill_.clear();
      spill_at_ = 0;
    }
    spill_.append(chunks_[first_].view());
    chunks_[first_].release();
    if (++first_ == chunks_.size()) {
      chunks_.clear();
      first_ = 0;
    }
  }
}

void Inbox::release_held() {
  holding_ = holding_spill_ = false;
  if (!held_.empty()) held_.clear();
  if (spill_at_ != 0 && spill_at_ == spill_.size()) {
    spill_.clear();
    spill_at_ = 0;
  }
}

void Inbox::drop_unread() {
  while (bytes_ > 0) consume(front().size());
}

void Inbox::clear() {
  chunks_.clear();
  held_.clear();
  spill_.clear();
  spill_at_ = first_ = bytes_ = 0;
  holding_ = holding_spill_ = false;
}

}  // namespace finack::server
