#include "base/outbox.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace finack {

namespace {

/// A short string lives inside its object, which moves when the vector grows under a pending send.
constexpr std::size_t kOwnedMinimum = 64;
/// Parts that were sent are forgotten in batches of more than this.
constexpr std::size_t kSentParts = 64;

}  // namespace

Outbox::Part& Outbox::add(std::uint64_t bytes) {
  bytes_ += bytes;
  queued_ += bytes;
  return rest_.emplace_back();
}

char* Outbox::reserve_more(std::size_t n) {
  if (!rest_.empty()) {
    const auto room = rest_.back().buffer.space();
    if (room.size() >= n) return room.data();
  }
  if (n <= pool_.block_size()) {
    if (Buffer fresh = pool_.take()) {
      if (!front_ && rest_.empty()) {
        front_ = std::move(fresh);
        return front_.space().data();
      }
      rest_.emplace_back().buffer = std::move(fresh);
      return rest_.back().buffer.space().data();
    }
  }
  scratch_.resize(std::max(n, kOwnedMinimum));
  return scratch_.data();
}

void Outbox::commit_more(std::size_t n) {
  if (!scratch_.empty()) {
    scratch_.resize(n);
    return append_owned(std::exchange(scratch_, {}));
  }
  rest_.back().buffer.grow(n);
  bytes_ += n;
  queued_ += n;
}

void Outbox::append(std::string_view bytes) {
  while (!bytes.empty()) {
    char* out = reserve(1);
    if (!scratch_.empty()) {
      scratch_.clear();
      return append_owned(std::string(bytes));
    }
    Buffer& tail = rest_.empty() ? front_ : rest_.back().buffer;
    const std::size_t n = std::min(tail.space().size(), bytes.size());
    std::memcpy(out, bytes.data(), n);
    commit(n);
    bytes.remove_prefix(n);
  }
}

void Outbox::append_owned(std::string&& bytes) {
  if (bytes.empty()) return;
  if (bytes.size() < kOwnedMinimum) bytes.reserve(kOwnedMinimum);
  Part& part = add(bytes.size());
  part.left = bytes.size();
  part.owned = std::move(bytes);
}

void Outbox::append_buffer(Buffer&& bytes) {
  if (!bytes.empty()) add(bytes.size()).buffer = std::move(bytes);
}

void Outbox::append_file(Fd file, std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return;
  Part& part = add(bytes);
  part.file = std::move(file);
  part.offset = offset;
  part.left = bytes;
}

std::size_t Outbox::gather(std::span<iovec> parts) const {
  std::size_t count = 0;
  if (!front_.empty()) {
    const std::string_view view = front_.view();
    parts[count++] = {const_cast<char*>(view.data()), view.size()};
  }
  for (std::size_t i = first_; i < rest_.size() && count < parts.size(); ++i) {
    if (rest_[i].file) break;
    const std::string_view view = rest_[i].view();
    if (view.empty()) continue;
    parts[count++] = {const_cast<char*>(view.data()), view.size()};
  }
  return count;
}

Outbox::FilePart Outbox::file_part() const {
  std::size_t i = first_;
  while (rest_[i].bytes() == 0) ++i;
  assert(rest_[i].file);
  return {rest_[i].file.get(), rest_[i].offset, rest_[i].left};
}

void Outbox::sent_more(std::size_t n) {
  const std::size_t of_front = std::min(n, front_.size());
  front_.consume(of_front);
  n -= of_front;
  while (n > 0) {
    Part& part = rest_[first_];
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(n, part.bytes()));
    if (part.buffer) {
      part.buffer.consume(step);
    } else {
      part.offset += step;
      part.left -= step;
    }
    n -= step;
    if (part.bytes() > 0) break;
    rest_[first_++] = Part{};
  }
  if (bytes_ > 0) {
    if (first_ > kSentParts && first_ > rest_.size() / 2) {
      rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return;
  }
  rest_.clear();
  first_ = 0;
  front_.rewind();
}

void Outbox::drop() {
  rest_.clear();
  first_ = 0;
  if (front_) front_.rewind();
  queued_ -= bytes_;
  bytes_ = 0;
}

void Outbox::reset_rest() {
  rest_.clear();
  scratch_.clear();
  first_ = 0;
}

}  // namespace finack
