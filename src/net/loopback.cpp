#include "net/loopback.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace finack::net {

LoopbackStream::~LoopbackStream() {
  assert(observer_ == nullptr || done_);
  if (far_ != nullptr) far_->far_ = nullptr;
}

void LoopbackStream::join(LoopbackStream& a, LoopbackStream& b) {
  a.far_ = &b;
  b.far_ = &a;
}

void LoopbackStream::wake() {
  if (loop_ != nullptr && observer_ != nullptr && !done_ && !linked()) loop_->defer(*this);
}

void LoopbackStream::peer_sends(std::string_view bytes) {
  inbound_ += bytes;
  wake();
}

void LoopbackStream::peer_ends(StreamEnd end) {
  if (fatal() || end.kind == end_.kind) return;
  end_ = end;
  ends_.push_back(end);
  wake();
}

void LoopbackStream::set_window(std::size_t bytes) {
  window_ = bytes;
  if (bytes > 0 && blocked_) writable_ = true;
  wake();
}

void LoopbackStream::start(StreamObserver& observer) {
  assert(observer_ == nullptr);
  observer_ = &observer;
  wake();
}

void LoopbackStream::resume_reading() {
  paused_ = false;
  if (!inbound_.empty()) wake();
}

SendResult LoopbackStream::send(std::span<const iovec> parts, bool /*more*/) {
  assert(!in_send_ && !shut_wanted_);
  std::string bytes;
  for (const iovec& part : parts)
    bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  return take(bytes);
}

SendResult LoopbackStream::send_file(int file, std::uint64_t offset, std::size_t bytes) {
  assert(!in_send_ && !shut_wanted_);
  std::string chunk(std::min<std::size_t>(bytes, 256 * 1024), '\0');
  const ssize_t got = ::pread(file, chunk.data(), chunk.size(), static_cast<off_t>(offset));
  if (got <= 0) {
    const int error = got < 0 ? errno : ENODATA;
    return {SendResult::Kind::sent, 0, {EndKind::error, error}};
  }
  chunk.resize(static_cast<std::size_t>(got));
  SendResult result = take(chunk);
  // A chunk is no short send: only the window is.
  if (result.kind == SendResult::Kind::sent && result.bytes == chunk.size() && !blocked_ &&
      chunk.size() < bytes) {
    blocked_ = writable_ = true;
    wake();
  }
  return result;
}

SendResult LoopbackStream::take(std::string_view bytes) {
  if (fatal()) {
    ends_.clear();
    return {SendResult::Kind::failed, 0, end_};
  }
  if (sends_pending_) {
    in_send_ = true;
    pending_ = bytes;
    wake();
    return {SendResult::Kind::pending, 0, {}};
  }
  const std::size_t taken = std::min(bytes.size(), window_);
  hand_over(bytes.substr(0, taken));
  blocked_ = taken < bytes.size();
  return {SendResult::Kind::sent, taken, {}};
}

void LoopbackStream::hand_over(std::string_view bytes) {
  sent_ += bytes;
  if (window_ != kNoLimit) window_ -= bytes.size();
  if (far_ != nullptr) far_->peer_sends(bytes);
}

void LoopbackStream::shutdown_write() {
  shut_wanted_ = true;
  if (!in_send_) apply_shutdown();
}

void LoopbackStream::apply_shutdown() {
  if (write_shut_) return;
  write_shut_ = true;
  if (far_ != nullptr) far_->peer_fin();
}

void LoopbackStream::close() {
  if (closing_) return;
  closing_ = true;
  if (far_ != nullptr) {
    if (reset_ || !inbound_.empty()) {
      far_->peer_reset();
    } else if (!write_shut_) {
      far_->peer_fin();
    }
  }
  wake();
}

void LoopbackStream::reset() {
  if (closing_) return;
  reset_ = true;
  close();
}

bool LoopbackStream::pump() {
  if (observer_ == nullptr || done_) return false;
  bool any = false;
  if (!closing_) any |= deliver_bytes();
  if (!closing_) any |= deliver_sent();
  if (!closing_) any |= deliver_ends();
  if (!closing_ && writable_ && !in_send_) {
    writable_ = blocked_ = false;
    any = true;
    observer_->on_writable();
  }
  if (!closing_) return any;
  done_ = true;
  ListNode::unlink();
  observer_->on_closed();
  return true;
}

bool LoopbackStream::deliver_bytes() {
  bool any = false;
  while (!inbound_.empty() && !paused_ && !closing_) {
    Buffer chunk = pool_.take();
    if (!chunk) return any;
    const std::size_t n = std::min(inbound_.size(), chunk.space().size());
    std::memcpy(chunk.space().data(), inbound_.data(), n);
    chunk.grow(n);
    inbound_.erase(0, n);
    any = true;
    observer_->on_bytes(std::move(chunk));
  }
  return any;
}

bool LoopbackStream::deliver_sent() {
  if (!in_send_) return false;
  in_send_ = false;
  const std::string bytes = std::exchange(pending_, {});
  if (fatal()) {
    ends_.clear();
    observer_->on_sent({SendResult::Kind::failed, 0, end_});
    return true;
  }
  const std::size_t taken = std::min(bytes.size(), window_);
  if (taken == 0 && !bytes.empty()) {  // waits for the window, as the kernel does
    in_send_ = true;
    pending_ = bytes;
    return false;
  }
  hand_over(std::string_view(bytes).substr(0, taken));
  if (taken == bytes.size() && shut_wanted_) apply_shutdown();
  blocked_ = writable_ = taken < bytes.size();
  observer_->on_sent({SendResult::Kind::sent, taken, {}});
  return true;
}

bool LoopbackStream::deliver_ends() {
  bool any = false;
  while (!ends_.empty() && !closing_) {
    const StreamEnd end = ends_.front();
    ends_.erase(ends_.begin());
    any = true;
    observer_->on_end(end);
  }
  return any;
}

}  // namespace finack::net
