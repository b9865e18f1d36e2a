#include "e2e/gateway/upstream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "e2e/support/spawn.h"

namespace finack::gateway_matrix {
namespace {

sockaddr_in loopback(std::uint8_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(0x7f000000U + host);
  return address;
}

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

[[noreturn]] void fail_errno(const char* what) {
  throw Failure(fmt::format("{}: {}", what, std::strerror(errno)));
}

bool ready(int fd, short events, const Deadline& deadline) {
  pollfd p{fd, events, 0};
  return ::poll(&p, 1, deadline.poll_timeout()) > 0;
}

/// How long a loopback takes to answer a SYN, at most.
constexpr Millis kSurelyAnswered(150);

}  // namespace

Upstream::Upstream(const Deadline& deadline, int backlog, std::uint8_t host, std::uint16_t port)
    : deadline_(deadline),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      host_(host) {
  sockaddr_in address = loopback(host, port);
  socklen_t size = sizeof address;
  if (!listener_ || ::bind(listener_.get(), generic(address), size) != 0 ||
      ::listen(listener_.get(), backlog) != 0 ||
      ::getsockname(listener_.get(), generic(address), &size) != 0) {
    fail_errno("the upstream cannot listen");
  }
  port_ = ntohs(address.sin_port);
}

std::string Upstream::address() const { return fmt::format("127.0.0.{}:{}", host_, port_); }

bool Upstream::is_dialed(Millis limit) {
  return ready(listener_.get(), POLLIN, deadline_.within(limit));
}

Peer& Upstream::accept(Millis limit) {
  if (!is_dialed(limit)) throw Failure("the gateway did not dial the upstream");
  Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) fail_errno("accept");
  return connections_.emplace_back(std::move(fd), deadline_);
}

void Upstream::refuse() {
  const std::lock_guard lock(e2e::socket_copies());
  listener_.reset();
}

Fd Upstream::connect_nonblocking() const {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address = loopback(host_, port_);
  if (!fd) fail_errno("socket");
  if (::connect(fd.get(), generic(address), sizeof address) != 0 && errno != EINPROGRESS)
    fail_errno("connect");
  return fd;
}

void Upstream::fill_backlog() {
  constexpr int kMost = 64;
  for (int i = 0; i < kMost; ++i) {
    Fd fd = connect_nonblocking();
    // The one that is not answered would be, once there is a place: it is let go.
    if (!ready(fd.get(), POLLOUT, deadline_.within(kSurelyAnswered))) return;
    fillers_.push_back(std::move(fd));
  }
  throw Failure("the backlog of the upstream has no end");
}

void Upstream::empty_backlog() {
  const std::lock_guard lock(e2e::socket_copies());
  for (std::size_t i = 0; i < fillers_.size(); ++i)
    Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
  fillers_.clear();
}

}  // namespace finack::gateway_matrix
