#include "net/tcp_stream.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstddef>

#include "net/syscall.h"

namespace finack::net {

StreamEnd hang_up_end(int fd, bool error_flagged, bool fin_sent) {
  const bool doubtful = error_flagged || !fin_sent;
  if (!doubtful) return {EndKind::fin, 0};
  if (const int error = take_socket_error(fd); error != 0) return stream_end(error);
  // The error was consumed by another call, or there was none: a Unix peer that closed hangs up
  // too.
  const bool reset = error_flagged || tcp_state(fd) == kTcpClose;
  return reset ? StreamEnd{EndKind::rst, ECONNRESET} : StreamEnd{EndKind::fin, 0};
}

StreamEnd stream_end(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return {EndKind::rst, error};
    case ETIMEDOUT:
      return {EndKind::timed_out, error};
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
      return {EndKind::unreachable, error};
    case ECONNABORTED:
      return {EndKind::killed, error};
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
      return {EndKind::no_memory, error};
    default:
      return {EndKind::error, error};
  }
}

int take_socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

int tcp_state(int fd) {
  std::uint8_t state = 0;  // the first member of tcp_info
  socklen_t size = sizeof state;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &size) == 0 ? state : 0;
}

TcpStream::~TcpStream() {
  assert(observer_ == nullptr || closed_);
  if (fd_ >= 0) ::close(fd_);
}

void TcpStream::start(StreamObserver& observer) {
  assert(observer_ == nullptr && fd_ >= 0);
  observer_ = &observer;
  loop_->start(*this);
}

StreamEnd TcpStream::peek_end() const {
  if (fatal()) return fatal_end();
  if (fd_ < 0) return {};
  pollfd poll{fd_, POLLRDHUP, 0};
  if (::poll(&poll, 1, 0) <= 0) return {};
  const bool error = (poll.revents & POLLERR) != 0;
  if (error || ((poll.revents & POLLHUP) != 0 && !fin_sent_ && tcp_state(fd_) == kTcpClose))
    return hang_up_end(fd_, true, fin_sent_);
  return {(poll.revents & (POLLRDHUP | POLLHUP)) != 0 ? EndKind::fin : EndKind::none, 0};
}

bool TcpStream::readable() const {
  char byte = 0;
  return holding_ || (fd_ >= 0 && sys::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
}

void TcpStream::remember(StreamEnd end) {
  if (fatal()) return;
  kind_ = end.kind;
  error_ = static_cast<std::uint16_t>(end.error);
}

void TcpStream::report(StreamEnd end) {
  if (fatal() || closing_) return;
  if (end.kind == EndKind::fin) {
    if (fin_seen_) return;
    fin_seen_ = true;
  } else {
    remember(end);
  }
  observer_->on_end(end);
}

SendResult TcpStream::failed(int error) {
  remember(stream_end(error));
  return failed_again();
}

void TcpStream::send_our_fin() {
  fin_sent_ = true;
  ::shutdown(fd_, SHUT_WR);
}

std::size_t TcpStream::unacknowledged() const {
  int bytes = 0;
  if (fd_ < 0 || ::ioctl(fd_, SIOCOUTQ, &bytes) != 0) return 0;
  // Until it is acknowledged, our FIN counts as a byte.
  if (fin_sent_) --bytes;
  return static_cast<std::size_t>(std::max(bytes, 0));
}

TcpFacts TcpStream::tcp_facts() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (fd_ < 0 || ::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {.valid = true,
          .state = info.tcpi_state,
          .probes = info.tcpi_probes,
          .retransmits = info.tcpi_retransmits,
          .unacked_segments = info.tcpi_unacked,
          .notsent_bytes = info.tcpi_notsent_bytes,
          .rtt_us = info.tcpi_rtt,
          .total_retransmits = info.tcpi_total_retrans,
          .last_ack_recv_ms = info.tcpi_last_ack_recv,
          .bytes_acked = info.tcpi_bytes_acked};
}

void TcpStream::close() {
  if (closing_) return;
  assert(observer_ != nullptr);
  closing_ = true;
  loop_->close(*this);
}

void TcpStream::reset() {
  if (closing_) return;
  const linger abort{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  resetting_ = true;
  close();
}

void StreamQueue::push(TcpStream& stream) {
  if (stream.queued_) return;
  stream.queued_ = true;
  stream.next_ = nullptr;
  (first_ == nullptr ? first_ : last_->next_) = &stream;
  last_ = &stream;
}

TcpStream* StreamQueue::pop() {
  TcpStream* stream = first_;
  if (stream == nullptr) return nullptr;
  first_ = stream->next_;
  stream->next_ = nullptr;
  stream->queued_ = false;
  return stream;
}

void StreamQueue::append(StreamQueue& other) {
  if (other.empty()) return;
  (first_ == nullptr ? first_ : last_->next_) = other.first_;
  last_ = other.last_;
  other.first_ = other.last_ = nullptr;
}

}  // namespace finack::net
