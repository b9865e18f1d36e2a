#pragma once
#include <memory>

#include "net/loop.h"

namespace finack::net {

/// What a descriptor is asked for, or has: `error` is only told, never asked.
struct Ready {
  bool read = false;
  bool write = false;
  bool error = false;  ///< ERR or HUP of a poll; read and write are then tried too.
};

/// Told by a Readiness, on its loop thread, never from inside a call.
class ReadinessObserver {
 public:
  /// The watch is no longer armed: wait() again for more. It may be destroyed from in here.
  virtual void on_ready(Ready ready) = 0;

 protected:
  ~ReadinessObserver() = default;
};

/// Waits on the loop for a descriptor that is no stream of it: a connect under way, a library's
/// socket. One shot: each wait() is answered at most once. Destroying it ends the wait, and nothing
/// is told afterwards; the descriptor is the caller's and is closed only after that.
class Readiness {
 public:
  static std::unique_ptr<Readiness> create(Loop& loop, int fd, ReadinessObserver& observer) {
    return loop.make_readiness(fd, observer);
  }
  virtual ~Readiness() = default;
  /// Waits until one of what `wanted` asks for is there; replaces a wait under way.
  virtual void wait(Ready wanted) = 0;
};

}  // namespace finack::net
