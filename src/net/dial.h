#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "finack/base/address.h"
#include "finack/base/fd.h"
#include "net/readiness.h"

namespace finack::net {

/// Where to dial: an IP address with a port, or the path of a Unix socket.
struct DialTarget {
  Address address;
  std::string unix_path{};  ///< Used when address.family is unix_socket.

  static DialTarget unix_socket(std::string path) {
    return {.address = {.family = Address::Family::unix_socket}, .unix_path = std::move(path)};
  }
};

struct DialOptions {
  /// Our own timer, rounded up to a millisecond; 0: none but the kernel's.
  Nanos timeout{};
  /// The address to dial from; its port is 0 for any. Family none: the kernel chooses.
  Address bind{};
  bool tcp_no_delay = true;
  std::uint32_t tcp_keepalive_s = 0;      ///< 0: off. Idle time; interval = a third, 3 probes.
  std::uint32_t tcp_user_timeout_ms = 0;  ///< 0: the system's.
};

/// Why a dial brought no connection.
enum class DialError : std::uint8_t {
  none,
  refused,      ///< RST to our SYN; a Unix socket without listener, path or room in its backlog.
  unreachable,  ///< No route, or ICMP says so.
  reset,        ///< Connected and reset before we were told.
  timed_out,    ///< By DialOptions::timeout (code 0), or the kernel gave up (ETIMEDOUT).
  no_ports,     ///< EADDRNOTAVAIL, EADDRINUSE: ports, or the bind address, are not to be had.
  descriptors,  ///< EMFILE, ENFILE.
  memory,       ///< ENOMEM, ENOBUFS.
  denied,       ///< EACCES, EPERM: a filter, or the permissions of a Unix socket.
  other         ///< `code` says which.
};
/// "refused", "timed_out", …
std::string_view name(DialError error);
/// What an errno of socket(), bind() or connect() means.
DialError dial_error(int code);

/// The outcome of a dial, as a value.
struct DialResult {
  Fd fd{};  ///< Connected, blocking mode, as accept hands them over; for a TcpStream.
  DialError error = DialError::none;
  int code = 0;  ///< errno where the kernel said one.
  Nanos took{};  ///< From start() until the kernel told; by our timer, until it fired.

  explicit operator bool() const { return error == DialError::none; }
};

/// Told by a Dial, on its loop thread, never from inside start(). The dial may be destroyed, or
/// started again, from in here.
class DialObserver {
 public:
  virtual void on_dialed(DialResult result) = 0;

 protected:
  ~DialObserver() = default;
};

/// One connect at a time on a loop. Owned by who dials; destroying or cancelling it closes the
/// descriptor, and on_dialed does not come.
class Dial final : private ReadinessObserver, private Deferred, private Timer {
 public:
  Dial(Loop& loop, DialObserver& observer) : loop_(loop), observer_(observer) {}
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  /// Begins; not while one is under way. on_dialed comes exactly once, unless cancelled.
  void start(const DialTarget& target, const DialOptions& options);
  void cancel();
  bool active() const { return active_; }

 private:
  /// 0, or errno; EINPROGRESS while the kernel works on it.
  int open(const DialTarget& target, const DialOptions& options);
  void on_ready(Ready ready) override;
  void on_timer() override;
  void run_deferred() override { finish(dial_error(early_code_), early_code_); }
  void finish(DialError error, int code);

  Loop& loop_;
  DialObserver& observer_;
  Fd fd_;
  std::unique_ptr<Readiness> readiness_;
  Instant started_;
  int early_code_ = 0;  ///< What connect() said at once.
  bool active_ = false;
};

/// A kernel address from a value; false for a family that has none, or a path that is too long. A
/// path that begins with '@' is in the abstract namespace.
bool to_sockaddr(const DialTarget& target, sockaddr_storage& storage, socklen_t& size);

}  // namespace finack::net
