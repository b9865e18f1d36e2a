#include "net/listener_core.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "net/address.h"
#include "net/syscall.h"
#include "net/tcp_options.h"

namespace finack::net {

namespace {

bool is_unix(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain == AF_UNIX;
}

/// Refuses new connections and keeps those under way: TCP segments with SYN are dropped.
void refuse_new_connections(int fd) {
  if (is_unix(fd)) {
    ::shutdown(fd, SHUT_RD);  // connect is refused from now on; the backlog can still be taken
    return;
  }
  sock_filter code[] = {
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, 13},      // the flags of the TCP header
      {BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0x02},  // SYN?
      {BPF_RET | BPF_K, 0, 0, 0},                // drop
      {BPF_RET | BPF_K, 0, 0, 0xffffffffu},      // keep
  };
  const sock_fprog program{4, code};
  ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

}  // namespace

bool is_exhaustion(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

std::unique_ptr<Listener> Listener::create(Loop& loop, Fd socket, bool shared,
                                           AcceptObserver& observer) {
  return loop.make_listener(std::move(socket), shared, observer);
}

ListenerCore::ListenerCore(Loop& loop, Fd socket, bool shared, AcceptObserver& observer)
    : loop_(loop), socket_(std::move(socket)), observer_(observer), shared_(shared) {
  ensure_reserve();
}

ListenerCore::~ListenerCore() { stop_listening(); }

/// An accept that stands in an io_uring holds the socket, and the kernel lets go of it some time
/// after the process has ended: a server that starts then would find its port taken.
void ListenerCore::stop_listening() {
  if (socket_ && !shared_) ::shutdown(socket_.get(), SHUT_RD);
}

bool ListenerCore::ensure_reserve() {
  if (!reserve_) reserve_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return static_cast<bool>(reserve_);
}

void ListenerCore::drain(Nanos quiet, bool last) {
  if (state_ >= State::draining) return;
  loop_.timers().disarm(*this);
  last_taken_ = loop_.precise_now();
  disarm();
  set_non_blocking(true);
  if (shared_ && !last) {
    state_ = State::letting_go;
    loop_.timers().arm(*this, loop_.now());
    return;
  }
  state_ = State::draining;
  quiet_ = quiet;
  refuse_new_connections(socket_.get());
  loop_.timers().arm(*this, loop_.now());
}

void ListenerCore::set_options(const ListenerOptions& options) {
  if (!socket_ || state_ >= State::draining) return;
  if (options.backlog > 0) ::listen(socket_.get(), options.backlog);
  if (is_unix(socket_.get())) return;
  // What set_tcp_options leaves alone may have been on.
  if (options.tcp_keepalive_s == 0) set_option(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, 0);
  if (options.tcp_user_timeout_ms == 0) set_option(socket_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
  set_tcp_options(socket_.get(), options);
}

void ListenerCore::on_timer() {
  switch (state_) {
    case State::backing_off:
      if (!ensure_reserve()) return back_off();
      state_ = State::accepting;
      return arm();
    case State::draining:
      ensure_reserve();
      accept_burst(kAcceptsPerTurn);
      if (armed()) return;  // backed off
      [[fallthrough]];
    case State::letting_go: {
      const bool quiet = state_ == State::letting_go || loop_.now() - last_taken_ >= quiet_;
      if (quiet && idle()) return finish();
      // A cancel misses an accept that is just being tried, and that then goes on waiting.
      if (!idle()) disarm();
      return loop_.timers().arm(*this, loop_.now() + kLook);
    }
    default:
      return;
  }
}

void ListenerCore::finish() {
  state_ = State::closed;
  close_socket();
  observer_.on_drained();
}

void ListenerCore::back_off() {
  disarm();
  if (state_ == State::accepting) state_ = State::backing_off;
  loop_.timers().arm(*this, loop_.now() + kBackOff);
}

int ListenerCore::accept_burst(int most) {
  int taken = 0;
  for (; taken < most && wants_connections(); ++taken) {
    const Took took = accept_one();
    if (took == Took::exhausted) back_off();
    if (took != Took::connection) break;
  }
  return taken;
}

void ListenerCore::set_non_blocking(bool on) {
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  ::fcntl(socket_.get(), F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

ListenerCore::Took ListenerCore::accept_one() {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  peer.ss_family = AF_UNSPEC;
  const int fd =
      sys::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                   SOCK_CLOEXEC | (loop_.backend() == Backend::epoll ? SOCK_NONBLOCK : 0));
  if (fd < 0) return accept_failed(-fd);
  accepted(fd, peer);
  return Took::connection;
}

void ListenerCore::accepted(int fd, const sockaddr_storage& peer) {
  last_taken_ = loop_.now();
  observer_.on_accept(Fd(fd), from_sockaddr(peer));
}

ListenerCore::Took ListenerCore::accept_failed(int error) {
  if (error == EAGAIN || error == EINVAL) return Took::nothing;  // EINVAL: a Unix socket shut down
  if (is_exhaustion(error)) return shed(error);
  if (error == EBADF || error == ENOTSOCK || error == EOPNOTSUPP) return Took::exhausted;
  if (error != EINTR) observer_.on_accept_aborted(error);
  return Took::connection;
}

ListenerCore::Took ListenerCore::shed(int error) {
  if (!reserve_) return Took::exhausted;
  reserve_.reset();
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  peer.ss_family = AF_UNSPEC;
  const int fd = sys::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                              SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) {
    discard_received(fd);
    ::close(fd);
  }
  const bool again = ensure_reserve();
  if (fd < 0) return fd == -EAGAIN && again ? Took::nothing : Took::exhausted;
  last_taken_ = loop_.now();
  observer_.on_accept_shed(error, from_sockaddr(peer));
  return again ? Took::connection : Took::exhausted;
}

}  // namespace finack::net
