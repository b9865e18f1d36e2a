#pragma once
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "e2e/support/bounded.h"
#include "e2e/support/demo_server.h"
#include "e2e/support/peer.h"

namespace finack::e2e {

/// The machine lacks what the case needs; said loudly, never taken for a success.
class Skipped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where the act of a matrix's case takes place: one server, its peers, one deadline. Peers live
/// until the records have been compared, so that an act which leaves one open leaves it open. One
/// thread.
class Scene {
 public:
  Scene(DemoServer& server, std::string backend, const Deadline& deadline);

  Peer& connect(const PeerOptions& options = {});
  /// A peer with a small receive buffer: soon its window is shut.
  Peer& connect_narrow(int receive_buffer = 16384);

  /// Throws Failure with `what` unless `held`.
  void check(bool held, std::string_view what);
  /// Asks for a response that is complete, of that status.
  void check_answer(const Response& response, int status);

  /// Gives the server the time to take in what was sent; no verdict may rest on it alone.
  void settle(Millis duration = Millis(120));
  /// Waits until the server counts `count` live accepted connections in `phase` (its own metrics).
  void wait_phase(std::string_view phase, int count = 1);

  /// Waits until the server, told to drain, has closed its listening sockets: every worker has seen
  /// it.
  void wait_drain();

  void signal(int number);  ///< The server need not be stopped by the harness after SIGTERM.
  void freeze();            ///< SIGSTOP, and waits until it stands still.
  void thaw();

  /// Destroys one socket from outside, as `ss -K` does: the one with `local` here and `remote`
  /// there.
  void kill_socket(std::uint16_t local, std::uint16_t remote);
  /// Runs a command; its exit status.
  int run(const std::vector<std::string>& words);

  /// "epoll" or "io_uring".
  const std::string& backend() const { return backend_; }
  DemoServer& server() { return server_; }
  const Deadline& deadline() const { return deadline_; }
  std::deque<Peer>& peers() { return peers_; }
  bool stopping() const { return stopping_; }

 private:
  bool listens() const;

  DemoServer& server_;
  std::string backend_;
  Deadline deadline_;
  std::deque<Peer> peers_;
  bool stopping_ = false;
};

/// The server's metrics page, read through its admin listener.
std::string fetch_metrics(std::uint16_t admin_port, const Deadline& deadline);

/// Gives the calling thread a network of its own with only a loopback in it; throws Skipped where
/// that is not allowed.
void enter_own_network();

}  // namespace finack::e2e
