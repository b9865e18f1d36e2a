#include "net/epoll_loop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/epoll_listener.h"
#include "net/epoll_readiness.h"
#include "net/syscall.h"

namespace finack::net {

namespace {

constexpr std::uint32_t kStreamEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kHangUp = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
/// Buffers read from one stream before others get their turn.
constexpr int kReadBurst = 4;
/// Marks the pointer of an EpollSource; the wake descriptor has a null pointer.
constexpr std::uintptr_t kSourceTag = 1;

void set_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if ((flags & O_NONBLOCK) == 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace

Expected<std::unique_ptr<Loop>> EpollLoop::create(const LoopOptions& options, std::string reason) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(system_error("cannot create an epoll set", errno));
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return std::unexpected(system_error("cannot create an eventfd", errno));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return std::unexpected(system_error("cannot watch an eventfd", errno));
  }
  return std::make_unique<EpollLoop>(options, std::move(reason), std::move(epoll), std::move(wake));
}

EpollLoop::EpollLoop(const LoopOptions& options, std::string reason, Fd epoll, Fd wake_fd)
    : Loop(options.clock != nullptr ? *options.clock : system_clock(), std::move(wake_fd)),
      epoll_(std::move(epoll)),
      buffers_(options.buffer_bytes, options.max_buffers) {
  backend_reason_ = std::move(reason);
}

int EpollLoop::watch(int fd, EpollSource& source, std::uint32_t events) {
  const auto tagged = reinterpret_cast<std::uintptr_t>(&source) | kSourceTag;
  epoll_event event{.events = events, .data = {.u64 = tagged}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int EpollLoop::change(int fd, EpollSource& source, std::uint32_t events) {
  const auto tagged = reinterpret_cast<std::uintptr_t>(&source) | kSourceTag;
  epoll_event event{.events = events, .data = {.u64 = tagged}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

void EpollLoop::unwatch(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void EpollLoop::forget(const EpollSource& source) {
  const auto tagged = reinterpret_cast<std::uintptr_t>(&source) | kSourceTag;
  for (int i = 0; i < ready_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.u64 == tagged) event.data.u64 = kSourceTag;
  }
}

void EpollLoop::wait(Nanos timeout) {
  // A day at most: kLongestWait.
  const auto timeout_ms =
      static_cast<int>((static_cast<std::uint64_t>(timeout.count()) + 999'999) / 1'000'000);
  ready_ = sys::epoll_wait(epoll_.get(), events_.data(), kMaxEvents, timeout_ms);
}

void EpollLoop::deliver() {
  for (int i = 0; i < ready_; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    const auto tagged = static_cast<std::uintptr_t>(event.data.u64);
    if (tagged == 0) [[unlikely]] {
      on_wake();
    } else if ((tagged & kSourceTag) != 0) [[unlikely]] {
      auto* source = reinterpret_cast<EpollSource*>(tagged & ~kSourceTag);
      if (source != nullptr) source->on_ready(event.events);
    } else {
      // One event says all that a wake-up has to tell of a stream. So the work that it defers need
      // not wait for the other streams' events: it runs while what it touches is in the cache.
      const bool none_waits = deferred_.empty();
      on_stream(*reinterpret_cast<TcpStream*>(tagged), event.events);
      if (none_waits && deferred_.single()) deferred_.pop_front().run_deferred();
    }
  }
  ready_ = 0;
}

void EpollLoop::on_wake() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_fd(), &count, sizeof count);
  woken();
}

inline void EpollLoop::on_stream(TcpStream& stream, std::uint32_t events) {
  if (stream.closing_) [[unlikely]]
    return;
  if ((events & kHangUp) != 0) [[unlikely]] {
    on_hang_up(stream, events);
  } else if ((events & EPOLLIN) != 0) {
    stream.may_read_ = true;
    if (!stream.paused_ && !stream.starved_) read(stream, stream.hung_up_);
  }
  if ((events & (EPOLLOUT | EPOLLHUP)) == 0 || !(stream.write_blocked_ || stream.fin_sent_)) return;
  if (stream.closing_) return;
  stream.write_blocked_ = false;
  stream.observer_->on_writable();
}

void EpollLoop::on_hang_up(TcpStream& stream, std::uint32_t events) {
  stream.hung_up_ = true;
  stream.may_read_ = true;
  if (!stream.paused_ && !stream.starved_) read(stream, true);
  if (!stream.closing_) judge_hang_up(stream, events);
}

/// What recv did not say: the ending behind unread bytes, and the reset behind a false end of file.
void EpollLoop::judge_hang_up(TcpStream& stream, std::uint32_t events) {
  if (stream.fatal()) return;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    stream.report(hang_up_end(stream.fd_, (events & EPOLLERR) != 0, stream.fin_sent_));
  } else if (stream.paused_ || stream.starved_) {
    stream.report({EndKind::fin, 0});
  }
}

/// Reads what is there. A short read empties the queue, so it ends the burst without a second recv,
/// unless `to_end` asks for one. Once the stream hung up no more can come, so the burst needs no
/// bound, and everything before the end is delivered first.
void EpollLoop::read(TcpStream& stream, bool to_end) {
  for (int burst = 0; burst < kReadBurst || stream.hung_up_; ++burst) {
    BufferBlock* const block = buffers_.take_block();
    if (block == nullptr) [[unlikely]] {
      stream.starved_ = true;
      starved_.push(stream);
      return;
    }
    const ssize_t n = sys::recv(stream.fd_, block->data, block->capacity, MSG_DONTWAIT);
    if (n <= 0) [[unlikely]] {
      buffers_.give_back(block);
      return read_nothing(stream, n);
    }
    const auto size = static_cast<std::uint32_t>(n);
    const bool emptied = size < block->capacity && !to_end;
    if (emptied) stream.may_read_ = false;
    stream.observer_->on_bytes(Buffer(block, size));
    if (emptied || stream.closing_ || stream.paused_) return;
  }
  attention_.push(stream);
}

void EpollLoop::read_nothing(TcpStream& stream, ssize_t result) {
  stream.may_read_ = false;
  if (result == -EAGAIN || result == -EINTR) return;
  if (result < 0) {
    stream.report(stream_end(static_cast<int>(-result)));
    return;
  }
  // After a hang-up judge_hang_up decides: recv says 0 after a FIN even when a RST followed.
  stream.report({EndKind::fin, 0});
}

void EpollLoop::start(TcpStream& stream) {
  stream.fresh_ = true;
  attention_.push(stream);
}

/// Most new connections have bytes waiting already: reading before registering saves a wake-up. A
/// FIN or RST that came with them is an event of the next turn, which does not wait and delivers
/// before it runs the work that the bytes deferred.
void EpollLoop::read_fresh(TcpStream& stream) {
  stream.fresh_ = false;
  stream.may_read_ = true;
  if (!stream.paused_) read(stream, false);
  if (stream.closing_) return;
  epoll_event event{.events = stream.write_watched_ ? kStreamEvents | EPOLLOUT : kStreamEvents,
                    .data = {.ptr = &stream}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stream.fd_, &event) != 0) {
    stream.report(stream_end(errno));
  }
}

/// The window is full. Room in it is an event from here on; for streams that never meet a full one
/// it would be a wake-up that says nothing.
void EpollLoop::await_room(TcpStream& stream) {
  stream.write_blocked_ = true;
  if (stream.write_watched_) return;
  stream.write_watched_ = true;
  if (stream.fresh_) return;
  epoll_event event{.events = kStreamEvents | EPOLLOUT, .data = {.ptr = &stream}};
  // Cannot fail: the descriptor is open and registered, and a change allocates nothing.
  [[maybe_unused]] const int result = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, stream.fd_, &event);
  assert(result == 0);
}

void EpollLoop::resume(TcpStream& stream) {
  if (!stream.paused_) return;
  stream.paused_ = false;
  if (stream.may_read_) attention_.push(stream);
}

void EpollLoop::attend_all() {
  if (std::exchange(starved_closing_, false)) attention_.append(starved_);
  // No more than there are buffers for; the others would only come back.
  for (std::uint32_t n = buffers_.max_blocks() - buffers_.leased(); n > 0; --n) {
    TcpStream* stream = starved_.pop();
    if (stream == nullptr) break;
    attention_.push(*stream);
  }
  // Only what waits now: a stream may ask again, and gets its turn after the others' events.
  StreamQueue batch;
  batch.append(attention_);
  while (TcpStream* stream = batch.pop()) attend(*stream);
}

void EpollLoop::attend(TcpStream& stream) {
  stream.starved_ = false;
  if (stream.closing_) {
    stream.closed_ = true;
    stream.observer_->on_closed();
  } else if (stream.fresh_) {
    read_fresh(stream);
  } else if (stream.may_read_ && !stream.paused_) {
    read(stream, stream.hung_up_);
  }
}

SendResult EpollLoop::send(TcpStream& stream, std::span<const iovec> parts, bool more) {
  assert(!parts.empty() && !stream.fin_sent_ && !stream.closing_);
  if (stream.fatal()) return stream.failed_again();
  std::size_t offered = 0;
  const ssize_t n = sys::send_parts(stream.fd_, parts, offered, more);
  if (static_cast<std::size_t>(n) == offered) [[likely]] {  // an error is negative, so never equal
    return {SendResult::Kind::sent, offered, {}};
  }
  if (n < 0 && n != -EAGAIN) return stream.failed(static_cast<int>(-n));
  await_room(stream);
  return {SendResult::Kind::sent, n < 0 ? 0 : static_cast<std::size_t>(n), {}};
}

SendResult EpollLoop::send_file(TcpStream& stream, int file, std::uint64_t offset,
                                std::size_t bytes) {
  assert(!stream.fin_sent_ && !stream.closing_);
  if (stream.fatal()) return stream.failed_again();
  set_non_blocking(stream.fd_);  // sendfile has no flag for it
  auto position = static_cast<off_t>(offset);
  const ssize_t n = ::sendfile(stream.fd_, file, &position, bytes);
  if (n > 0) {
    if (static_cast<std::size_t>(n) < bytes) await_room(stream);
    return {SendResult::Kind::sent, static_cast<std::size_t>(n), {}};
  }
  if (n < 0 && errno == EAGAIN) {
    await_room(stream);
    return {SendResult::Kind::sent, 0, {}};
  }
  const int error = n == 0 ? ENODATA : errno;
  // The call does not say whose error it was. The file's, unless it is one that ends streams.
  if (stream_end(error).kind != EndKind::error) return stream.failed(error);
  return {SendResult::Kind::sent, 0, {EndKind::error, error}};
}

void EpollLoop::shutdown_write(TcpStream& stream) {
  if (!stream.fin_sent_ && !stream.closing_) stream.send_our_fin();
}

void EpollLoop::close(TcpStream& stream) {
  ::close(std::exchange(stream.fd_, -1));  // leaves the epoll set by itself
  if (stream.starved_) starved_closing_ = true;
  attention_.push(stream);
}

std::unique_ptr<Listener> EpollLoop::make_listener(Fd socket, bool shared,
                                                   AcceptObserver& observer) {
  return std::make_unique<EpollListener>(*this, std::move(socket), shared, observer);
}

std::unique_ptr<Readiness> EpollLoop::make_readiness(int fd, ReadinessObserver& observer) {
  return std::make_unique<EpollReadiness>(*this, fd, observer);
}

}  // namespace finack::net
