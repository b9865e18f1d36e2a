#include "net/epoll_listener.h"

#include <utility>

namespace finack::net {

EpollListener::EpollListener(EpollLoop& loop, Fd socket, bool shared, AcceptObserver& observer)
    : ListenerCore(loop, std::move(socket), shared, observer),
      epoll_(loop),
      // Of the workers that share a socket one connection wakes one.
      events_(EPOLLIN | (shared ? static_cast<std::uint32_t>(EPOLLEXCLUSIVE) : 0u)) {
  set_non_blocking(true);
  arm();
}

EpollListener::~EpollListener() {
  disarm();
  epoll_.forget(*this);
}

void EpollListener::arm() {
  if (armed_ || !socket_) return;
  // The kernel refuses only for want of memory: try again like any exhaustion.
  armed_ = epoll_.watch(socket_.get(), *this, events_) == 0;
  if (!armed_) back_off();
}

void EpollListener::disarm() {
  if (armed_) epoll_.unwatch(socket_.get());
  armed_ = false;
}

void EpollListener::close_socket() {
  disarm();
  socket_.reset();
}

}  // namespace finack::net
