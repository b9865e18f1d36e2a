#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/listener.h"
#include "net/loop.h"
#include "net/timer_wheel.h"

namespace finack::net {

/// What both backends' listeners share: the reserve descriptor, shedding, backing off, draining. A
/// backend adds how it waits for connections (arm and disarm).
class ListenerCore : public Listener, protected Timer {
 public:
  ListenerCore(Loop& loop, Fd socket, bool shared, AcceptObserver& observer);
  ~ListenerCore() override;
  void drain(Nanos quiet, bool last) override;
  void set_options(const ListenerOptions& options) override;

 protected:
  enum class State : std::uint8_t { accepting, backing_off, draining, letting_go, closed };
  static constexpr Nanos kBackOff = Millis(100);
  static constexpr Nanos kLook = Millis(1);  ///< Between looks at a draining backlog.
  static constexpr int kAcceptsPerTurn = 64;

  /// What one accept of ours came to.
  enum class Took : std::uint8_t { connection, nothing, exhausted };

  /// Starts waiting for connections; no effect when it does already.
  virtual void arm() = 0;
  /// Stops waiting.
  virtual void disarm() = 0;
  /// No accept stands in the kernel that could still bring a connection.
  virtual bool idle() const = 0;
  virtual void close_socket() = 0;

  void on_timer() override;
  /// Accepts up to `most` and returns how many it got: fewer when no more wait, or when accepting
  /// stopped. The socket must be non-blocking.
  int accept_burst(int most);
  Took accept_one();
  void accepted(int fd, const sockaddr_storage& peer);
  /// An accept failed with `error`: counts it, sheds, or backs off.
  Took accept_failed(int error);
  /// Takes one waiting connection through the reserve descriptor and closes it.
  Took shed(int error);
  void back_off();
  bool wants_connections() const { return state_ == State::accepting || state_ == State::draining; }
  bool ensure_reserve();
  void set_non_blocking(bool on);

  Loop& loop_;
  Fd socket_;
  AcceptObserver& observer_;
  State state_ = State::accepting;

 private:
  void finish();
  void stop_listening();

  Fd reserve_;
  Instant last_taken_;
  Nanos quiet_{};
  bool shared_;
};

/// True for errors of out-of-descriptors and out-of-memory.
bool is_exhaustion(int error);

}  // namespace finack::net
