#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "net/address.h"
#include "net/listener.h"
#include "net/tcp_options.h"

namespace finack::net {

namespace {

constexpr int kFirstInherited = 3;  // SD_LISTEN_FDS_START

std::unexpected<Error> user_error(std::string what, int code = 0) {
  return std::unexpected(Error{.what = std::move(what), .code = code, .side = Side::user});
}

template <class Int>
std::optional<Int> parse_number(std::string_view text) {
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

std::string why_not_bound(std::string_view spec, int error) {
  const std::string text = fmt::format("cannot listen on {}", spec);
  switch (error) {
    case EADDRINUSE:
      return text +
             ": the address is in use by another process; stop it (`ss -ltnp` names it) or "
             "choose another port";
    case EACCES:
    case EPERM:
      return text +
             ": permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, a Unix path "
             "needs a directory this user may write to";
    case EADDRNOTAVAIL:
      return text + ": this machine has no such address; `ip addr` lists those it has";
    case EAFNOSUPPORT:
      return text + ": this machine has no such address family (IPv6 switched off?)";
    default:
      return system_error(text, error).what;
  }
}

struct Target {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool any = false;  ///< All addresses, dual stack.

  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  void set_port(std::uint16_t port) {
    if (storage.ss_family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
    } else {
      reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
    }
  }
};

bool set_host(Target& target, const std::string& host) {
  auto& v4 = reinterpret_cast<sockaddr_in&>(target.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(target.storage);
  if (host.empty() || host == "*") {
    target.any = true;
    target.storage.ss_family = AF_INET6;
    v6.sin6_addr = in6addr_any;
  } else if (host.front() == '[' && host.back() == ']') {
    target.storage.ss_family = AF_INET6;
    if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) != 1) {
      return false;
    }
  } else {
    target.storage.ss_family = AF_INET;
    const char* text = host == "localhost" ? "127.0.0.1" : host.c_str();
    if (::inet_pton(AF_INET, text, &v4.sin_addr) != 1) return false;
  }
  target.size = target.storage.ss_family == AF_INET ? sizeof v4 : sizeof v6;
  return true;
}

void use_ipv4_any(Target& target) {
  target.storage = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(target.storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_ANY);
  target.size = sizeof v4;
}

/// A bound TCP socket, not yet listening, or the errno.
std::expected<Fd, int> bound_socket(const Target& target, bool reuse_port) {
  Fd fd(::socket(target.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(errno);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (target.family() == AF_INET6) {
    set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, target.any ? 0 : 1);
  }
  if (::bind(fd.get(), target.address(), target.size) != 0) return std::unexpected(errno);
  return fd;
}

/// A path whose owner died still exists: connect is refused, and only then may it be removed.
void remove_if_stale(const std::string& path, const sockaddr_storage& address, socklen_t size) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return;
  if (errno == ECONNREFUSED) ::unlink(path.c_str());
}

}  // namespace

/// Builds a ListenSockets, one way per kind of spec.
class ListenBinder {
 public:
  ListenBinder(std::string_view spec, std::uint32_t workers, const ListenerOptions& options)
      : spec_(spec), workers_(std::max(workers, 1u)), options_(options) {}

  Expected<ListenSockets> bind() {
    if (spec_.starts_with("unix:")) return bind_unix(spec_.substr(5));
    if (spec_.starts_with("fd:")) {
      const auto fd = parse_number<int>(std::string_view(spec_).substr(3));
      if (!fd || *fd < 0) return user_error(fmt::format("{}: expected fd:NUMBER", spec_));
      return adopt(*fd);
    }
    if (ListenSockets::names_inherited(spec_)) return adopt_systemd();
    return bind_tcp();
  }

 private:
  Expected<ListenSockets> bind_tcp();
  Expected<ListenSockets> bind_unix(const std::string& path);
  Expected<ListenSockets> adopt(int fd);
  Expected<ListenSockets> adopt_systemd();
  std::unexpected<Error> failed(int error) const {
    return user_error(why_not_bound(spec_, error), error);
  }

  std::string spec_;
  std::uint32_t workers_;
  const ListenerOptions& options_;
};

Expected<ListenSockets> ListenBinder::bind_tcp() {
  const std::size_t colon = spec_.rfind(':');
  const auto port = colon == std::string::npos
                        ? std::optional<std::uint16_t>()
                        : parse_number<std::uint16_t>(std::string_view(spec_).substr(colon + 1));
  Target target;
  if (!port || !set_host(target, spec_.substr(0, colon))) {
    return user_error(fmt::format(
        "cannot listen on \"{}\": expected IP:PORT, :PORT (all addresses), [IPv6]:PORT, unix:PATH, "
        "fd:NUMBER or systemd; names are not resolved here",
        spec_));
  }
  target.set_port(*port);
  // Bound without SO_REUSEPORT first: with it, a second server of the same user would share the
  // port in silence instead of being told that it is taken.
  auto probe = bound_socket(target, false);
  if (!probe && probe.error() == EAFNOSUPPORT && target.any) {
    use_ipv4_any(target);
    target.set_port(*port);
    probe = bound_socket(target, false);
  }
  if (!probe) return failed(probe.error());
  const bool several = workers_ > 1;
  const Address local = local_address(probe->get());
  target.set_port(local.port);
  ListenSockets sockets;
  if (several) probe->reset();
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (several) probe = bound_socket(target, true);
    if (!probe) return failed(probe.error());
    set_tcp_options(probe->get(), options_);
    sockets.fds_.push_back(std::move(*probe));
  }
  for (const Fd& fd : sockets.fds_) {
    if (::listen(fd.get(), options_.backlog) != 0) return failed(errno);
  }
  sockets.name_ = fmt::format("{}:{}", spec_.substr(0, colon), local.port);
  if (!target.any && spec_.substr(0, colon) != "0.0.0.0" && spec_.substr(0, colon) != "[::]") {
    sockets.local_ = local;
  }
  return sockets;
}

Expected<ListenSockets> ListenBinder::bind_unix(const std::string& path) {
  sockaddr_storage address;
  socklen_t size = 0;
  if (!unix_sockaddr(path, address, size)) {
    return user_error(fmt::format("cannot listen on {}: a Unix socket's path has 1 to {} bytes",
                                  spec_, sizeof(sockaddr_un::sun_path) - 1));
  }
  const bool is_file = path.front() != '@';
  if (is_file) remove_if_stale(path, address, size);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return failed(errno);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return failed(errno);
  const bool ready = (!is_file || ::chmod(path.c_str(), options_.unix_mode) == 0) &&
                     ::listen(fd.get(), options_.backlog) == 0;
  if (!ready) {
    const int error = errno;
    if (is_file) ::unlink(path.c_str());
    return failed(error);
  }
  ListenSockets sockets;
  sockets.name_ = spec_;
  if (is_file) sockets.path_ = path;
  sockets.local_.family = Address::Family::unix_socket;
  sockets.fds_.push_back(std::move(fd));
  sockets.shared_ = true;
  return sockets;
}

Expected<ListenSockets> ListenBinder::adopt(int number) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return user_error(
        fmt::format("cannot use {}: descriptor {} is not a listening socket handed to this process",
                    spec_, number));
  }
  ::fcntl(number, F_SETFD, FD_CLOEXEC);  // as sd_listen_fds does: our children are no heirs
  Fd fd(::fcntl(number, F_DUPFD_CLOEXEC, kFirstInherited));
  if (!fd) return failed(errno);
  ListenSockets sockets;
  sockets.local_ = local_address(fd.get());
  if (sockets.local_.family != Address::Family::unix_socket) set_tcp_options(fd.get(), options_);
  sockets.name_ = sockets.local_.port == 0 ? spec_ : to_string(sockets.local_);
  const Address nowhere{.family = sockets.local_.family, .port = sockets.local_.port};
  if (sockets.local_ == nowhere && sockets.local_.port != 0) sockets.local_ = {};
  sockets.fds_.push_back(std::move(fd));
  sockets.shared_ = sockets.inherited_ = true;
  return sockets;
}

Expected<ListenSockets> ListenBinder::adopt_systemd() {
  const char* count_text = std::getenv("LISTEN_FDS");
  const char* pid_text = std::getenv("LISTEN_PID");
  const auto count = parse_number<int>(count_text != nullptr ? count_text : "");
  const auto pid = parse_number<pid_t>(pid_text != nullptr ? pid_text : "");
  if (!count || !pid || *pid != ::getpid()) {
    return user_error(
        "cannot use systemd: no sockets were passed to this process (LISTEN_FDS and LISTEN_PID); "
        "start it from a .socket unit or with systemd-socket-activate");
  }
  const std::string_view spec = spec_;
  const auto index = spec.size() > 7 ? parse_number<int>(spec.substr(8)) : std::optional<int>(0);
  if (!index || *index < 0 || *index >= *count) {
    return user_error(
        fmt::format("cannot use {}: systemd passed {} socket(s), counted from 0", spec_, *count));
  }
  return adopt(kFirstInherited + *index);
}

Expected<ListenSockets> ListenSockets::bind(std::string_view spec, std::uint32_t workers,
                                            const ListenerOptions& options) {
  return ListenBinder(spec, workers, options).bind();
}

Fd ListenSockets::take(std::uint32_t worker) {
  if (shared_) return Fd(::fcntl(fds_[0].get(), F_DUPFD_CLOEXEC, 0));
  return worker < fds_.size() ? std::move(fds_[worker]) : Fd();
}

void ListenSockets::unlink_path() {
  if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
}

}  // namespace finack::net
