#include "server/outbox.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace finack::server {

namespace {
constexpr std::size_t kOwnedMinimum = 64;
}

char* Outbox::reserve(std::size_t n) {
  if (first_ < parts_.size()) {
    const auto room = parts_.back().buffer.space();
    if (room.size() >= n) return room.data();
  }
  if (n <= pool_.block_size()) {
    if (Buffer fresh = pool_.take()) {
      parts_.emplace_back().buffer = std::move(fresh);
      return parts_.back().buffer.space().data();
    }
  }
  reserve_.resize(n);
  return reserve_.data();
}

void Outbox::commit(std::size_t n) {
  if (!reserve_.empty()) {
    reserve_.resize(n);
    append_owned(std::exchange(reserve_, {}));
    return;
  }
  parts_.back().buffer.grow(n);
  bytes_ += n;
  queued_ += n;
}

void Outbox::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (first_ == parts_.size() || parts_.back().buffer.space().empty()) {
      Buffer fresh = pool_.take();
      if (!fresh) {
        append_owned(std::string(bytes));
        return;
      }
      parts_.emplace_back().buffer = std::move(fresh);
    }
    const auto room = parts_.back().buffer.space();
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    parts_.back().buffer.grow(n);
    bytes_ += n;
    queued_ += n;
    bytes.remove_prefix(n);
  }
}

void Outbox::append_owned(std::string&& bytes) {
  if (bytes.empty()) return;
  // A short string lives inside its object, which moves when parts_ grows under a pending send.
  if (bytes.size() < kOwnedMinimum) bytes.reserve(kOwnedMinimum);
  bytes_ += bytes.size();
  queued_ += bytes.size();
  Part& part = parts_.emplace_back();
  part.left = bytes.size();
  part.owned = std::move(bytes);
}

void Outbox::append_file(Fd file, std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return;
  Part& part = parts_.emplace_back();
  part.file = std::move(file);
  part.offset = offset;
  part.left = bytes;
  bytes_ += bytes;
  queued_ += bytes;
}

std::size_t Outbox::gather(std::span<iovec> parts) const {
  std::size_t count = 0;
  for (std::size_t i = first_; i < parts_.size() && count < parts.size(); ++i) {
    if (parts_[i].file) break;
    const std::string_view view = parts_[i].view();
    if (view.empty()) continue;
    parts[count++] = {const_cast<char*>(view.data()), view.size()};
  }
  return count;
}

Outbox::FilePart Outbox::file_part() const {
  std::size_t i = first_;
  while (parts_[i].bytes() == 0) ++i;
  assert(parts_[i].file);
  return {parts_[i].file.get(), parts_[i].offset, parts_[i].left};
}

void Outbox::sent(std::size_t n) {
  bytes_ -= n;
  while (n > 0) {
    Part& part = parts_[first_];
    const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(n, part.bytes()));
    if (part.buffer) {
      part.buffer.consume(step);
    } else {
      part.offset += step;
      part.left -= step;
    }
    n -= step;
    if (part.bytes() == 0) pop_sent();
  }
  if (bytes_ == 0) {
    parts_.clear();
    first_ = 0;
  }
}

void Outbox::pop_sent() {
  parts_[first_] = Part{};
  if (++first_ == parts_.size()) {
    parts_.clear();
    first_ = 0;
  }
}

std::uint64_t Outbox::drop() {
  const std::uint64_t dropped = bytes_;
  parts_.clear();
  first_ = 0;
  queued_ -= bytes_;
  bytes_ = 0;
  return dropped;
}

void Outbox::reset() {
  parts_.clear();
  reserve_.clear();
  first_ = 0;
  bytes_ = queued_ = 0;
}

}  // namespace finack::server
