#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/address.h"
#include "finack/base/error.h"
#include "finack/base/fd.h"
#include "net/loop.h"

namespace finack::net {

struct ListenerOptions {
  /// Connections that may wait; the system may allow fewer (somaxconn). 0 in set_options: as it is.
  int backlog = 4096;
  // TCP options are set on the listener; what it accepts inherits them.
  bool tcp_no_delay = true;
  std::uint32_t tcp_keepalive_s = 0;      ///< 0: off. Idle time; interval = a third, 3 probes.
  std::uint32_t tcp_user_timeout_ms = 0;  ///< 0: the system's.
  std::uint32_t unix_mode = 0660;         ///< Permissions of a Unix socket's path.
};

/// The bound sockets of one configured address: one per worker (SO_REUSEPORT) for TCP, one shared
/// by all workers for Unix and inherited sockets. Made once, before workers start.
class ListenSockets {
 public:
  /// `spec`: "127.0.0.1:8080", ":8080" (all addresses, dual stack), "[::1]:8080", "unix:/path",
  /// "fd:3" or "systemd" (LISTEN_FDS; "systemd:1" for the second). Port 0 takes a free one, the
  /// same for every worker. A Unix path whose owner is gone (connect is refused) is taken over.
  static Expected<ListenSockets> bind(std::string_view spec, std::uint32_t workers,
                                      const ListenerOptions& options);
  /// As configured, with the real port.
  const std::string& name() const { return name_; }
  /// The local address; family none where the socket is bound to a wildcard: then each connection
  /// has its own (getsockname).
  const Address& local() const { return local_; }
  /// The descriptor of `worker`, once: a copy of the shared one where sockets are shared. Empty
  /// when there is none, or no descriptor for the copy.
  Fd take(std::uint32_t worker);
  bool shared() const { return shared_; }
  /// Somebody else's socket (systemd, a parent): to be drained as not the last one.
  bool inherited() const { return inherited_; }
  /// Whether `spec` names such a socket.
  static bool names_inherited(std::string_view spec) {
    return spec.starts_with("fd:") || spec == "systemd" || spec.starts_with("systemd:");
  }
  /// Removes a Unix socket's path, if it is ours; after the last drain, and not when a successor
  /// has taken the socket over.
  void unlink_path();

 private:
  std::string name_;
  std::string path_;
  Address local_;
  std::vector<Fd> fds_;
  bool shared_ = false;
  bool inherited_ = false;

  friend class ListenBinder;
};

/// What the owner of a listener is told; all on its loop thread.
class AcceptObserver {
 public:
  virtual void on_accept(Fd fd, const Address& peer) = 0;
  /// accept() itself failed for a connection that was already gone (ECONNABORTED and the like).
  virtual void on_accept_aborted(int error) = 0;
  /// Out of descriptors or memory: one waiting connection was taken and closed at once through the
  /// reserve descriptor. `error` is EMFILE, ENFILE, ENOBUFS or ENOMEM.
  virtual void on_accept_shed(int error, const Address& peer) = 0;
  /// drain() has finished: the backlog is empty and the socket closed. The listener may be
  /// destroyed.
  virtual void on_drained() = 0;

 protected:
  ~AcceptObserver() = default;
};

/// Accepts on one loop. Holds a reserve descriptor to shed with; when even that cannot be got back
/// it pauses 100 ms and tries again: it never spins. Destroying it closes the socket and resets
/// what is in its backlog, unless it was drained; not from inside the observer's calls but
/// on_drained.
class Listener {
 public:
  virtual ~Listener() = default;
  static std::unique_ptr<Listener> create(Loop& loop, Fd socket, bool shared,
                                          AcceptObserver& observer);
  /// Takes in what waits, refuses new connections, and closes without resetting any: for TCP a
  /// socket filter drops new SYNs and accept goes on until the queue stayed empty for `quiet`. A
  /// shared socket that is not the `last` on its backlog is just let go: others accept what waits.
  virtual void drain(Nanos quiet, bool last) = 0;
  /// Other options of the socket: its backlog now, those of TCP for what it accepts from now on. No
  /// effect once it drains.
  virtual void set_options(const ListenerOptions& options) = 0;
};

}  // namespace finack::net
