#include "net/io_uring_loop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include "net/io_uring_listener.h"
#include "net/io_uring_readiness.h"
#include "net/syscall.h"

namespace finack::net {

namespace {

std::string why_refused(int error) {
  switch (error) {
    case ENOSYS:
      return "io_uring is not in this kernel";
    case EPERM:
    case EACCES:
      return "io_uring is forbidden here (a seccomp policy, or kernel.io_uring_disabled)";
    case EINVAL:
      return "io_uring lacks what is needed (Linux 6.1: DEFER_TASKRUN, buffer rings)";
    default:
      return system_error("io_uring cannot be set up", error).what;
  }
}

/// Asks for every operation that is used here, so that a missing one shows before the first
/// connection does.
bool has_operations(io_uring& ring) {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  bool all = true;
  for (const int op : {IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG,
                       IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_READ}) {
    all = all && io_uring_opcode_supported(probe, op) != 0;
  }
  io_uring_free_probe(probe);
  return all;
}

}  // namespace

Expected<std::unique_ptr<Loop>> IoUringLoop::create(const LoopOptions& options,
                                                    std::string reason) {
  Fd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake) return std::unexpected(system_error("cannot create an eventfd", errno));
  auto loop = std::make_unique<IoUringLoop>(options, std::move(reason), std::move(wake));
  if (const int error = -loop->set_up(); error != 0) {
    return std::unexpected(Error{.what = why_refused(error), .code = error});
  }
  return loop;
}

IoUringLoop::IoUringLoop(const LoopOptions& options, std::string reason, Fd wake_fd)
    : Loop(options.clock != nullptr ? *options.clock : system_clock(), std::move(wake_fd)),
      buffers_(options.buffer_bytes, options.max_buffers),
      file_buffers_(kFileBlock, kMaxFileBlocks),
      ring_buffers_(options.buffer_bytes, options.max_buffers) {
  backend_reason_ = std::move(reason);
}

IoUringLoop::~IoUringLoop() {
  held_.clear();
  if (ring_made_) io_uring_queue_exit(&ring_);
}

/// The ring starts disabled, so that it belongs to the thread that runs it and not to this one.
int IoUringLoop::set_up() {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
                 IORING_SETUP_CQSIZE | IORING_SETUP_TASKRUN_FLAG;
  params.cq_entries = kCompletions;
  if (const int result = io_uring_queue_init_params(kEntries, &ring_, &params); result < 0) {
    return result;
  }
  ring_made_ = true;
  if ((params.features & IORING_FEAT_EXT_ARG) == 0 || !has_operations(ring_)) return -EINVAL;
  if (const int result = ring_buffers_.attach(ring_); result < 0) return result;
  for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;
  arm_wake();
  return 0;
}

// ---- Entries ----

io_uring_sqe* IoUringLoop::entry() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    submit();
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

/// The ring belongs to the thread that does this. Not io_uring_enable_rings: liburing 2.3 declares
/// it and does not export it.
void IoUringLoop::enable() {
  if (std::exchange(enabled_, true)) return;
  ::syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

void IoUringLoop::submit() {
  enable();
  enter(0, nullptr);
}

/// What liburing does in four calls, of which a turn with one request would feel each.
void IoUringLoop::enter(unsigned wanted, const __kernel_timespec* limit) {
  io_uring_getevents_arg extra{};
  extra.ts = reinterpret_cast<std::uintptr_t>(limit);
  ring_.sq.sqe_head = ring_.sq.sqe_tail;
  io_uring_smp_store_release(ring_.sq.ktail, ring_.sq.sqe_tail);
  sys::call6(SYS_io_uring_enter, ring_.ring_fd, io_uring_sq_ready(&ring_), wanted,
             IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, sys::pointer(&extra), sizeof extra);
  if (io_uring_sq_ready(&ring_) == 0) messages_used_ = 0;
}

void IoUringLoop::set_data(io_uring_sqe* sqe, TcpStream& stream, Tag tag) {
  io_uring_sqe_set_data64(
      sqe, reinterpret_cast<std::uintptr_t>(&stream) | static_cast<std::uint64_t>(tag));
}

void IoUringLoop::expect(io_uring_sqe* sqe, RingOp& op) {
  io_uring_sqe_set_data64(
      sqe, reinterpret_cast<std::uintptr_t>(&op) | static_cast<std::uint64_t>(Tag::op));
}

void IoUringLoop::cancel(RingOp& op) {
  io_uring_sqe* sqe = entry();
  io_uring_prep_cancel64(
      sqe, reinterpret_cast<std::uintptr_t>(&op) | static_cast<std::uint64_t>(Tag::op), 0);
  io_uring_sqe_set_data64(sqe, static_cast<std::uint64_t>(Tag::ignored));
}

void IoUringLoop::arm_wake() {
  io_uring_sqe* sqe = entry();
  io_uring_prep_read(sqe, wake_fd(), &wake_count_, sizeof wake_count_, 0);
  io_uring_sqe_set_data64(sqe, static_cast<std::uint64_t>(Tag::wake));
}

void IoUringLoop::arm_recv(TcpStream& stream) {
  io_uring_sqe* sqe = entry();
  io_uring_prep_recv_multishot(sqe, stream.fd_, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = RingPool::kGroup;
  set_data(sqe, stream, Tag::recv);
  stream.recv_armed_ = true;
}

/// Sees a FIN or RST where no receive stands in the kernel, and with unread bytes in the queue.
void IoUringLoop::arm_watch(TcpStream& stream) {
  io_uring_sqe* sqe = entry();
  io_uring_prep_poll_multishot(sqe, stream.fd_, POLLRDHUP | POLLHUP | POLLERR);
  set_data(sqe, stream, Tag::poll);
  stream.poll_armed_ = true;
}

// ---- The turn ----

void IoUringLoop::wait(Nanos timeout) {
  enable();
  __kernel_timespec limit{};
  limit.tv_sec = timeout / std::chrono::seconds(1);
  limit.tv_nsec = (timeout % std::chrono::seconds(1)).count();
  enter(timeout == Nanos::zero() ? 0 : 1, &limit);
}

void IoUringLoop::deliver() {
  received_ = 0;
  take_completions();
  // Bytes and the FIN or RST behind them may come in two pieces of kernel work: a turn that got the
  // one asks for the other, so that what it starts knows of both.
  for (int i = 0; i < kLooksBehind && received_ > 0 && more_is_due(); ++i) {
    __kernel_timespec now{};
    enter(0, &now);
    take_completions();
  }
}

bool IoUringLoop::more_is_due() const {
  return (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0;
}

void IoUringLoop::take_completions() {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    on_completion(*cqe);
    ++count;
  }
  io_uring_cq_advance(&ring_, count);
}

void IoUringLoop::on_completion(const io_uring_cqe& cqe) {
  void* object = reinterpret_cast<void*>(cqe.user_data & ~kTagMask);
  auto* stream = static_cast<TcpStream*>(object);
  switch (static_cast<Tag>(cqe.user_data & kTagMask)) {
    case Tag::recv:
      return on_recv(*stream, cqe.res, cqe.flags);
    case Tag::send:
      return on_send(*stream, cqe.res);
    case Tag::read:
      return on_read(*stream, cqe.res);
    case Tag::poll:
      return on_poll(*stream, cqe.res, cqe.flags);
    case Tag::cancel:
      stream->cancel_armed_ = false;
      return close_when_idle(*stream);
    case Tag::op:
      return static_cast<RingOp*>(object)->on_complete(cqe.res);
    case Tag::wake:
      woken();
      return arm_wake();
    case Tag::ignored:
      return;
  }
}

void IoUringLoop::attend_all() {
  if (std::exchange(starved_closing_, false)) attention_.append(starved_);
  // No more than there are buffers for; the others would only come back.
  for (std::uint32_t n = ring_buffers_.available(); n > 0; --n) {
    TcpStream* stream = starved_.pop();
    if (stream == nullptr) break;
    stream->starved_ = false;
    attention_.push(*stream);
  }
  StreamQueue batch;
  batch.append(attention_);
  while (TcpStream* stream = batch.pop()) attend(*stream);
  if (!orphans_.empty()) {
    orphans_.remove_if([](const auto& orphan) { return orphan->finished(); });
  }
}

void IoUringLoop::attend(TcpStream& stream) {
  if (stream.closing_) {
    if (stream.fd_ >= 0) return;  // what is in flight comes back first
    stream.closed_ = true;
    stream.observer_->on_closed();
    return;
  }
  if (stream.holding_ && !stream.paused_) deliver_held(stream);
  if (stream.write_blocked_ && !stream.send_armed_ && !stream.closing_) {
    stream.write_blocked_ = false;
    stream.observer_->on_writable();
  }
  if (stream.closing_) return;
  const bool wants_bytes = !stream.paused_ && !stream.holding_ && !stream.drained_;
  if (wants_bytes && !stream.recv_armed_ && !stream.starved_) arm_recv(stream);
  if (stream.unsure_) look_behind(stream);  // what a pause put off
  if (stream.closing_) return;
  if (wants_watch(stream)) arm_watch(stream);
  if (stream.starved_) starved_.push(stream);
}

bool IoUringLoop::wants_watch(const TcpStream& stream) const {
  if (stream.poll_armed_ || stream.fatal()) return false;
  return !stream.recv_armed_;
}

// ---- Receiving ----

void IoUringLoop::on_recv(TcpStream& stream, int result, std::uint32_t flags) {
  const bool more = (flags & IORING_CQE_F_MORE) != 0;
  if (!more) stream.recv_armed_ = false;
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    ++received_;
    const auto size = static_cast<std::uint32_t>(std::max(result, 0));
    Buffer chunk = ring_buffers_.received(flags >> IORING_CQE_BUFFER_SHIFT, size);
    const bool wanted = result > 0 && !stream.closing_;
    if (wanted && !stream.paused_ && !stream.holding_) {
      stream.unsure_ = true;
      stream.observer_->on_bytes(std::move(chunk));
      if (more && !stream.closing_) {
        if (stream.unsure_) unsure_.push_back(&stream);
        return;
      }
    } else if (wanted) {
      hold(stream, std::move(chunk));
    }
  }
  if (result <= 0 && !stream.closing_) on_recv_end(stream, result);
  if (stream.closing_) {
    if (more && !stream.cancel_armed_) cancel(stream);
    return close_when_idle(stream);
  }
  if (!more) attention_.push(stream);
}

void IoUringLoop::look_behind_bytes() {
  for (std::size_t i = 0; i < unsure_.size(); ++i) {
    // What came while entries were submitted stands before the end that we would see.
    if (completions_wait()) take_completions();
    look_behind(*unsure_[i]);
  }
  unsure_.clear();
}

/// Linux up to 6.18 at least loses the wake-up of a RST that comes within microseconds of bytes:
/// the receive then stands for ever over a dead socket (seen once in some 50 000 such connections).
/// A send finds out by itself; where none followed the bytes, we look.
void IoUringLoop::look_behind(TcpStream& stream) {
  const bool standing = stream.recv_armed_ && !stream.paused_ && !stream.holding_;
  if (!stream.unsure_ || !standing || stream.closing_ || stream.fatal()) return;
  if (completions_wait()) return attention_.push(stream);
  stream.unsure_ = false;
  char byte = 0;
  const ssize_t n = sys::recv(stream.fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0 || n == -EAGAIN) return;
  on_recv_end(stream, static_cast<int>(n));
  if (!stream.closing_ && !stream.fatal()) cancel_recv(stream);
}

bool IoUringLoop::completions_wait() const {
  return io_uring_cq_ready(&ring_) > 0 ||
         (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/// While paused the receive is left standing until it brings something: most pauses end before.
void IoUringLoop::hold(TcpStream& stream, Buffer chunk) {
  held_[&stream].push_back(std::move(chunk));
  const bool first = !stream.holding_;
  stream.holding_ = true;
  if (first && stream.recv_armed_) cancel_recv(stream);
}

void IoUringLoop::cancel_recv(TcpStream& stream) {
  io_uring_sqe* sqe = entry();
  io_uring_prep_cancel64(
      sqe, reinterpret_cast<std::uintptr_t>(&stream) | static_cast<std::uint64_t>(Tag::recv), 0);
  io_uring_sqe_set_data64(sqe, static_cast<std::uint64_t>(Tag::ignored));
}

void IoUringLoop::on_recv_end(TcpStream& stream, int result) {
  switch (-result) {
    case ECANCELED:
    case EINTR:
      return;
    case ENOBUFS:
      if (ring_buffers_.available() == 0 && ring_buffers_.make_more() == 0) stream.starved_ = true;
      return;
    case EAGAIN:  // a descriptor made non-blocking elsewhere would be polled by us, not the kernel
      ::fcntl(stream.fd_, F_SETFL, ::fcntl(stream.fd_, F_GETFL) & ~O_NONBLOCK);
      return;
    case 0: {
      stream.drained_ = true;
      // A send or a poll may have eaten the error, then recv says 0 after a RST.
      const bool doubtful = stream.send_armed_ || stream.send_doubtful_ || stream.poll_armed_;
      const bool reset = doubtful && !stream.fin_sent_ && tcp_state(stream.fd_) == kTcpClose;
      return stream.report(reset ? hang_up_end(stream.fd_, true, false)
                                 : StreamEnd{EndKind::fin, 0});
    }
    default:
      stream.drained_ = true;
      return stream.report(stream_end(-result));
  }
}

void IoUringLoop::resume(TcpStream& stream) {
  if (!stream.paused_) return;
  stream.paused_ = false;
  attention_.push(stream);
}

void IoUringLoop::deliver_held(TcpStream& stream) {
  std::vector<Buffer> chunks = std::move(held_[&stream]);
  held_.erase(&stream);
  stream.holding_ = false;
  for (Buffer& chunk : chunks) {
    if (stream.closing_) return;
    if (stream.paused_) {
      held_[&stream].push_back(std::move(chunk));
      stream.holding_ = true;
    } else {
      stream.observer_->on_bytes(std::move(chunk));
    }
  }
}

void IoUringLoop::on_poll(TcpStream& stream, int result, std::uint32_t flags) {
  if ((flags & IORING_CQE_F_MORE) == 0) stream.poll_armed_ = false;
  if (stream.closing_) return close_when_idle(stream);
  if (!stream.poll_armed_ && !stream.fatal()) attention_.push(stream);
  // A receive that stands in the kernel tells the end itself, after the bytes before it.
  const bool reading = stream.recv_armed_ && !stream.paused_ && !stream.holding_;
  if (result <= 0 || reading || stream.fatal()) return;
  if ((result & (POLLHUP | POLLERR)) != 0) {
    stream.report(hang_up_end(stream.fd_, (result & POLLERR) != 0, stream.fin_sent_));
    if (!stream.fatal() && stream.fin_sent_ && !stream.closing_) stream.observer_->on_writable();
  } else if ((result & POLLRDHUP) != 0) {
    stream.report({EndKind::fin, 0});
  }
}

// ---- Sending ----

SendResult IoUringLoop::send(TcpStream& stream, std::span<const iovec> parts, bool more) {
  assert(!parts.empty() && parts.size() <= ByteStream::kMaxParts && !stream.send_armed_);
  assert(!stream.fin_sent_ && !stream.fin_wanted_ && !stream.closing_);
  if (stream.fatal()) return stream.failed_again();
  stream.write_blocked_ = stream.unsure_ = false;
  // Where our FIN or more bytes follow, waiting a turn for the completion would cost more than a
  // call. The FIN cannot be linked to the send instead: a short one would not break the link, and
  // the kernel runs IORING_OP_SHUTDOWN on a thread of its own.
  if (more || received_ <= kDirectSends) {
    const SendResult now = send_now(stream, parts, more);
    if (now.kind == SendResult::Kind::failed || now.bytes > 0) return now;
  }
  std::size_t offered = 0;
  for (const iovec& part : parts) offered += part.iov_len;
  return submit_send(stream, parts, offered, more ? MSG_MORE : 0);
}

/// Nothing taken: the window is full.
SendResult IoUringLoop::send_now(TcpStream& stream, std::span<const iovec> parts, bool more) {
  std::size_t offered = 0;
  const ssize_t n = sys::send_parts(stream.fd_, parts, offered, more);
  if (n < 0) return n == -EAGAIN ? SendResult{} : stream.failed(static_cast<int>(-n));
  if (static_cast<std::size_t>(n) < offered) {
    stream.write_blocked_ = stream.send_doubtful_ = true;
    attention_.push(stream);
  }
  return {SendResult::Kind::sent, static_cast<std::size_t>(n), {}};
}

SendResult IoUringLoop::submit_send(TcpStream& stream, std::span<const iovec> parts,
                                    std::size_t offered, int flags) {
  io_uring_sqe* sqe = entry();
  // No MSG_WAITALL: it swallows the error that cut a send short.
  if (parts.size() == 1) {
    io_uring_prep_send(sqe, stream.fd_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL | flags);
  } else {
    if (messages_used_ == messages_.size()) messages_.push_back(std::make_unique<Message>());
    Message& message = *messages_[messages_used_++];
    std::copy(parts.begin(), parts.end(), message.parts.begin());
    message.header.msg_iov = message.parts.data();
    message.header.msg_iovlen = parts.size();
    io_uring_prep_sendmsg(sqe, stream.fd_, &message.header,
                          static_cast<unsigned>(MSG_NOSIGNAL | flags));
  }
  set_data(sqe, stream, Tag::send);
  stream.send_armed_ = true;
  stream.in_flight_bytes_ = static_cast<std::uint32_t>(std::min<std::size_t>(offered, UINT32_MAX));
  return {SendResult::Kind::pending, 0, {}};
}

void IoUringLoop::on_send(TcpStream& stream, int result) {
  stream.send_armed_ = false;
  if (!files_.empty()) files_.erase(&stream);
  if (stream.closing_) return close_when_idle(stream);
  if (result == -EAGAIN || result == -EINTR) {
    ::fcntl(stream.fd_, F_SETFL, ::fcntl(stream.fd_, F_GETFL) & ~O_NONBLOCK);
    result = 0;
  }
  if (result < 0) return stream.observer_->on_sent(stream.failed(-result));
  const bool all = static_cast<std::uint32_t>(result) == stream.in_flight_bytes_;
  stream.send_doubtful_ = !all;
  if (!all) {
    stream.write_blocked_ = true;
    attention_.push(stream);
  } else if (stream.fin_wanted_) {
    stream.fin_wanted_ = false;
    stream.send_our_fin();
  }
  stream.observer_->on_sent({SendResult::Kind::sent, static_cast<std::size_t>(result), {}});
}

/// One block read from the file at a time. What is not in the page cache is read by the ring, so
/// that a cold file does not stop the loop.
SendResult IoUringLoop::send_file(TcpStream& stream, int file, std::uint64_t offset,
                                  std::size_t bytes) {
  if (stream.fatal()) return stream.failed_again();
  Buffer chunk = file_buffers_.take();
  if (!chunk) {  // others give theirs back
    stream.write_blocked_ = true;
    attention_.push(stream);
    return {};
  }
  const std::span<char> space = chunk.space();
  const iovec wanted{space.data(), std::min(space.size(), bytes)};
  const ssize_t n = ::preadv2(file, &wanted, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EOPNOTSUPP)) {
    return submit_read(stream, file, offset, bytes, std::move(chunk));
  }
  if (n <= 0) return {SendResult::Kind::sent, 0, {EndKind::error, n == 0 ? ENODATA : errno}};
  const iovec part{space.data(), static_cast<std::size_t>(n)};
  files_[&stream] = std::move(chunk);
  return submit_send(stream, {&part, 1}, bytes, part.iov_len < bytes ? MSG_MORE : 0);
}

/// The send is armed from here on: it begins with the read.
SendResult IoUringLoop::submit_read(TcpStream& stream, int file, std::uint64_t offset,
                                    std::size_t bytes, Buffer chunk) {
  const std::span<char> space = chunk.space();
  io_uring_sqe* sqe = entry();
  io_uring_prep_read(sqe, file, space.data(), static_cast<unsigned>(std::min(space.size(), bytes)),
                     offset);
  set_data(sqe, stream, Tag::read);
  files_[&stream] = std::move(chunk);
  stream.send_armed_ = true;
  stream.in_flight_bytes_ = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, UINT32_MAX));
  return {SendResult::Kind::pending, 0, {}};
}

void IoUringLoop::on_read(TcpStream& stream, int result) {
  if (result > 0 && !stream.closing_) {
    const auto size = static_cast<std::size_t>(result);
    const iovec part{files_[&stream].data(), size};
    const std::uint32_t bytes = stream.in_flight_bytes_;
    submit_send(stream, {&part, 1}, bytes, size < bytes ? MSG_MORE : 0);
    return;
  }
  stream.send_armed_ = false;
  files_.erase(&stream);
  if (stream.closing_) return close_when_idle(stream);
  stream.observer_->on_sent(
      {SendResult::Kind::sent, 0, {EndKind::error, result == 0 ? ENODATA : -result}});
}

void IoUringLoop::shutdown_write(TcpStream& stream) {
  if (stream.fin_sent_ || stream.closing_) return;
  if (stream.send_armed_) {
    stream.fin_wanted_ = true;
  } else {
    stream.send_our_fin();
  }
}

// ---- Closing ----

void IoUringLoop::close(TcpStream& stream) {
  if (stream.holding_) held_.erase(&stream);
  stream.holding_ = false;
  if (stream.starved_) starved_closing_ = true;
  // A kernel thread that waits for room in a send misses its cancellation when the peer has sent a
  // FIN. Our own FIN wakes it, and leaves no sooner than what is queued before it.
  if (stream.send_armed_ && !stream.resetting_) ::shutdown(stream.fd_, SHUT_WR);
  if (stream.recv_armed_ || stream.poll_armed_ || stream.send_armed_) cancel(stream);
  close_when_idle(stream);
}

void IoUringLoop::cancel(TcpStream& stream) {
  io_uring_sqe* sqe = entry();
  io_uring_prep_cancel_fd(sqe, stream.fd_, IORING_ASYNC_CANCEL_ALL);
  set_data(sqe, stream, Tag::cancel);
  stream.cancel_armed_ = true;
}

void IoUringLoop::close_when_idle(TcpStream& stream) {
  if (!stream.closing_ || stream.fd_ < 0) return;
  if (stream.recv_armed_ || stream.poll_armed_ || stream.send_armed_ || stream.cancel_armed_)
    return;
  ::close(std::exchange(stream.fd_, -1));
  attention_.push(stream);
}

std::unique_ptr<Listener> IoUringLoop::make_listener(Fd socket, bool shared,
                                                     AcceptObserver& observer) {
  return std::make_unique<IoUringListener>(*this, std::move(socket), shared, observer);
}

std::unique_ptr<Readiness> IoUringLoop::make_readiness(int fd, ReadinessObserver& observer) {
  return std::make_unique<IoUringReadiness>(*this, fd, observer);
}

}  // namespace finack::net
