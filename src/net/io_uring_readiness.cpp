#include "net/io_uring_readiness.h"

#include <poll.h>

#include <utility>

namespace finack::net {

void IoUringReadiness::wait(Ready wanted) {
  drop();
  if (poll_ == nullptr) poll_ = std::make_unique<Poll>();
  poll_->owner = this;
  poll_->armed = true;
  const auto events = (wanted.read ? static_cast<unsigned>(POLLIN | POLLRDHUP) : 0u) |
                      (wanted.write ? static_cast<unsigned>(POLLOUT) : 0u);
  io_uring_sqe* sqe = loop_.entry();
  io_uring_prep_poll_add(sqe, fd_, events);
  loop_.expect(sqe, *poll_);
}

/// A poll in the kernel is cancelled and left to the loop: its completion is still to come.
void IoUringReadiness::drop() {
  if (poll_ == nullptr || !poll_->armed) return;
  poll_->owner = nullptr;
  loop_.cancel(*poll_);
  loop_.adopt(std::exchange(poll_, nullptr));
}

void IoUringReadiness::Poll::on_complete(int result) {
  armed = false;
  if (owner != nullptr) owner->completed(result);
}

void IoUringReadiness::completed(int result) {
  if (result < 0) return observer_.on_ready({.error = true});
  observer_.on_ready({.read = (result & (POLLIN | POLLRDHUP)) != 0,
                      .write = (result & POLLOUT) != 0,
                      .error = (result & (POLLERR | POLLHUP)) != 0});
}

}  // namespace finack::net
