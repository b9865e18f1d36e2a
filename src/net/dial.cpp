#include "net/dial.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>

#include "net/address.h"
#include "net/tcp_options.h"
#include "net/tcp_stream.h"

namespace finack::net {

namespace {

/// 0 or errno. The port is chosen by connect, which knows the far end: so one source address is not
/// held to one connection per port.
int bind_to(int fd, const Address& from) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (!to_sockaddr({.address = from}, storage, size)) return EINVAL;
  if (from.port == 0) set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0 ? 0 : errno;
}

}  // namespace

bool to_sockaddr(const DialTarget& target, sockaddr_storage& storage, socklen_t& size) {
  const Address& address = target.address;
  storage = {};
  if (address.family == Address::Family::v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.bytes, 4);
    std::memcpy(&storage, &v4, size = sizeof v4);
    return true;
  }
  if (address.family == Address::Family::v6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.bytes, 16);
    std::memcpy(&storage, &v6, size = sizeof v6);
    return true;
  }
  return address.family == Address::Family::unix_socket &&
         unix_sockaddr(target.unix_path, storage, size);
}

std::string_view name(DialError error) {
  static constexpr std::string_view kNames[] = {"none",      "refused",  "unreachable", "reset",
                                                "timed_out", "no_ports", "descriptors", "memory",
                                                "denied",    "other"};
  return kNames[static_cast<std::size_t>(error)];
}

DialError dial_error(int code) {
  switch (code) {
    case 0:
      return DialError::none;
    case ECONNREFUSED:
    case ENOENT:  // no such path
    case EAGAIN:  // a Unix listener's backlog is full
      return DialError::refused;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
      return DialError::unreachable;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return DialError::reset;
    case ETIMEDOUT:
      return DialError::timed_out;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
      return DialError::no_ports;
    case EMFILE:
    case ENFILE:
      return DialError::descriptors;
    case ENOMEM:
    case ENOBUFS:
      return DialError::memory;
    case EACCES:
    case EPERM:
      return DialError::denied;
    default:
      return DialError::other;
  }
}

void Dial::start(const DialTarget& target, const DialOptions& options) {
  assert(!active_);
  active_ = true;
  started_ = loop_.precise_now();
  early_code_ = open(target, options);
  if (early_code_ != EINPROGRESS) return loop_.defer(*this);
  readiness_ = Readiness::create(loop_, fd_.get(), *this);
  readiness_->wait({.write = true});
  if (options.timeout > Nanos::zero()) loop_.timers().arm(*this, started_ + options.timeout);
}

int Dial::open(const DialTarget& target, const DialOptions& options) {
  sockaddr_storage storage;
  socklen_t size = 0;
  if (!to_sockaddr(target, storage, size)) return EINVAL;
  fd_ = Fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) return errno;
  if (storage.ss_family != AF_UNIX) {
    set_tcp_options(fd_.get(), options);
    if (options.bind.family != Address::Family::none) {
      if (const int error = bind_to(fd_.get(), options.bind); error != 0) return error;
    }
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&storage);
  if (::connect(fd_.get(), address, size) == 0) return 0;
  // connect() says EAGAIN, not EADDRNOTAVAIL, where every local port is taken (connect(2)).
  if (errno == EAGAIN && storage.ss_family != AF_UNIX) return EADDRNOTAVAIL;
  return errno;
}

void Dial::on_ready(Ready ready) {
  const int code = take_socket_error(fd_.get());
  // Neither writable nor failed: the loop could not watch it.
  if (code == 0 && !ready.write) return finish(DialError::memory, ENOMEM);
  // Writable and no error: connected, or connected and already over, which the stream will tell.
  finish(dial_error(code), code);
}

void Dial::on_timer() { finish(DialError::timed_out, 0); }

void Dial::finish(DialError error, int code) {
  DialResult result{.fd = {}, .error = error, .code = code, .took = loop_.precise_now() - started_};
  readiness_.reset();
  if (error == DialError::none) {
    ::fcntl(fd_.get(), F_SETFL, O_RDWR);
    result.fd = std::move(fd_);
  }
  cancel();
  observer_.on_dialed(std::move(result));
}

void Dial::cancel() {
  active_ = false;
  Deferred::unlink();
  loop_.timers().disarm(*this);
  readiness_.reset();
  fd_.reset();
}

}  // namespace finack::net
