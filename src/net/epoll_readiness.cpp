#include "net/epoll_readiness.h"

namespace finack::net {

EpollReadiness::~EpollReadiness() {
  if (!added_) return;
  loop_.unwatch(fd_);
  loop_.forget(*this);
}

void EpollReadiness::wait(Ready wanted) {
  const auto events = static_cast<std::uint32_t>(EPOLLONESHOT) |
                      (wanted.read ? static_cast<std::uint32_t>(EPOLLIN | EPOLLRDHUP) : 0u) |
                      (wanted.write ? static_cast<std::uint32_t>(EPOLLOUT) : 0u);
  const int error = added_ ? loop_.change(fd_, *this, events) : loop_.watch(fd_, *this, events);
  if (error == 0) {
    added_ = true;
  } else {  // out of memory or watches: whoever waits tries, and finds out
    loop_.defer(*this);
  }
}

void EpollReadiness::on_ready(std::uint32_t events) {
  observer_.on_ready({.read = (events & (EPOLLIN | EPOLLRDHUP)) != 0,
                      .write = (events & EPOLLOUT) != 0,
                      .error = (events & (EPOLLERR | EPOLLHUP)) != 0});
}

}  // namespace finack::net
