#include "net/io_uring_listener.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace finack::net {

namespace {
/// Linux 6.10, IORING_ACCEPT_POLL_FIRST: look whether somebody waits before a socket is made for
/// them. An accept in vain costs nearly as much as one that succeeds.
constexpr std::uint16_t kPollFirst = 1u << 2;
}  // namespace

IoUringListener::IoUringListener(IoUringLoop& loop, Fd socket, bool shared,
                                 AcceptObserver& observer)
    : ListenerCore(loop, std::move(socket), shared, observer),
      ring_(loop),
      accepts_(std::make_unique<Accepts>()) {
  accepts_->owner = this;
  for (Accept& accept : accepts_->each) accept.all = accepts_.get();
  arm();
}

IoUringListener::~IoUringListener() {
  disarm();
  accepts_->owner = nullptr;
  if (accepts_->armed > 0) ring_.adopt(std::move(accepts_));
}

void IoUringListener::arm() {
  set_non_blocking(false);  // else the kernel would fail an accept instead of waiting
  for (Accept& accept : accepts_->each) {
    if (!accept.armed) arm_one(accept);
  }
}

void IoUringListener::arm_one(Accept& accept) {
  accept.size = sizeof accept.peer;
  accept.peer.ss_family = AF_UNSPEC;
  accept.armed = true;
  ++accepts_->armed;
  io_uring_sqe* sqe = ring_.entry();
  io_uring_prep_accept(sqe, socket_.get(), reinterpret_cast<sockaddr*>(&accept.peer), &accept.size,
                       SOCK_CLOEXEC);
  // One tries first: an entry that the kernel refuses ends the submission of those behind it.
  accept.poll_first = poll_first_ && (poll_first_known_ || &accept == accepts_->each.data());
  if (accept.poll_first) sqe->ioprio |= kPollFirst;
  ring_.expect(sqe, accept);
}

void IoUringListener::disarm() {
  for (Accept& accept : accepts_->each) {
    if (accept.armed) ring_.cancel(accept);
  }
}

void IoUringListener::Accept::on_complete(int result) {
  armed = false;
  --all->armed;
  if (all->owner != nullptr) return all->owner->on_accepted(*this, result);
  if (result >= 0) ::close(result);
}

void IoUringListener::on_accepted(Accept& accept, int result) {
  if (result == -EINVAL && accept.poll_first && !poll_first_known_) {
    poll_first_ = false;  // an older kernel
    if (state_ == State::accepting) arm_one(accept);
    return;
  }
  if (result >= 0) {
    poll_first_known_ |= accept.poll_first;
    accepted(result, accept.peer);
  } else if (is_exhaustion(-result)) {
    return on_exhausted(-result);
  } else if (result != -ECANCELED && result != -EINVAL) {
    accept_failed(-result);
  }
  // A socket that is no longer listening is left alone.
  if (state_ == State::accepting && result != -EINVAL && !accept.armed) arm_one(accept);
}

/// An accept fails at once for want of a descriptor, also with nobody waiting: arming it again
/// would spin. So those who wait are shed, and the next try is a moment later.
void IoUringListener::on_exhausted(int error) {
  if (state_ != State::accepting) return;
  back_off();
  set_non_blocking(true);
  for (int i = 0; i < kSheddingRound && shed(error) == Took::connection; ++i) {
  }
}

}  // namespace finack::net
