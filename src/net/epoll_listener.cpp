#include "net/epoll_listener.h"

#include <algorithm>
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

/// An accept that finds nobody costs nearly as much as one that does: the kernel makes a socket
/// first. So a burst stops at what the last one found. More that wait are told by the next turn,
/// and then the burst grows.
void EpollListener::on_ready(std::uint32_t /*events*/) {
  const std::uint64_t turn = loop_.turns();
  if (turn == full_turn_ + 1) burst_ = std::min(burst_ * 2, kAcceptsPerTurn);
  const int taken = accept_burst(burst_);
  if (taken == burst_) {
    full_turn_ = turn;
  } else {
    burst_ = std::max(taken, 1);
  }
}

void EpollListener::close_socket() {
  disarm();
  socket_.reset();
}

}  // namespace finack::net
