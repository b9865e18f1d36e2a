#pragma once
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "finack/record/drainer.h"
#include "finack/server/settings.h"
#include "server/admission.h"
#include "server/listener_set.h"
#include "server/watchdog.h"
#include "server/worker.h"
#include "server/worker_handler.h"

namespace finack::server {

/// A set of workers that serve the same listeners with one handler, or with one each. start() makes
/// their threads; drain() and force() may be called from any thread; join() waits for the end.
class Server {
 public:
  struct Options {
    Settings settings;                ///< Of all addresses of `listen` together.
    std::vector<std::string> listen;  ///< Addresses, in the form of net::ListenSockets.
    /// Further addresses with settings of their own: each has its limits for itself, and
    /// `loop_blocked` is not theirs to set.
    std::vector<ListenerOptions> listeners;
    std::uint32_t workers = 1;
    std::uint32_t first_index = 0;  ///< Worker numbers start here, so that ids stay unique.
    std::uint32_t boot = 0;         ///< One number a process run.
    net::Backend backend = net::Backend::automatic;
    record::Purpose purpose = record::Purpose::traffic;
    record::RecordRequests record_requests = record::RecordRequests::abnormal;
    /// With RecordRequests::sampled: of the normal requests every Nth is recorded, of the
    /// others each. At least 1.
    std::uint32_t record_sample = 1;
    bool recording = true;
    std::size_t ring_bytes = 4 * 1024 * 1024;
    record::Overflow overflow = record::Overflow::drop;
    /// Called for every accepted connection, on its worker's thread; may be empty.
    std::function<void(const record::ConnectionId&, const Address&)> on_open;
  };

  /// Binds every address; nothing is served before start(). `handler` outlives the server.
  static Expected<std::unique_ptr<Server>> create(Options options, http::Handler& handler);
  /// With a handler for each worker, made here; the server destroys them.
  static Expected<std::unique_ptr<Server>> create(Options options, const MakeHandler& make_handler);
  ~Server();

  /// Rings of the workers, for the drainer that reads them; stable after create().
  std::vector<record::Ring*> rings();
  std::vector<const record::Counters*> counters() const;
  /// Of the health checks that handlers of the workers' own make; empty where there are none.
  std::vector<const record::Counters*> health_counters() const;
  /// As bound, real ports included.
  std::vector<std::string> addresses() const;
  net::Backend backend() const { return backend_; }
  /// Why automatic chose what it chose; "" where nothing had to be explained.
  const std::string& backend_reason() const { return backend_reason_; }

  /// How many sockets of clients there may be at a time; what is beyond is shed
  /// (resource.descriptors). 0, the default: as many as the system allows. Any thread.
  void limit_sockets(std::uint32_t sockets) { budget_.limit(sockets); }
  void start();
  /// What it takes that these, and no others, are the listeners. New ones are bound, so that
  /// nothing can fail any more; nothing that is there has changed. While it runs, from any thread,
  /// but one change at a time.
  std::expected<ListenerChange, ListenerTrouble> check_listeners(std::vector<ListenerOptions> next);
  /// Puts the last one that was checked in force, and waits up to half a second until all workers
  /// go by it and what is gone has closed its sockets. No connection of a listener that stays is
  /// touched: live ones take other settings with their next request. Of those that are gone
  /// connections close as in a drain (operator.reload_retired; timeout.drain when theirs is over).
  /// No effect once drain() or force() was called.
  void change_listeners(ListenerChange change);
  /// Stops accepting without resetting a backlog, retires idle connections, lets requests finish.
  void drain();
  /// Cuts what is left.
  void force();
  bool finished() const;
  /// Waits for all workers. Returns how many connections had to be cut.
  std::uint64_t join();
  /// After join(): handlers that ignored their stop and still run. The server must then outlive
  /// them.
  std::size_t stuck_handlers() const;

 private:
  explicit Server(Options options);
  static Expected<std::unique_ptr<Server>> make(Options options, http::Handler* handler,
                                                const MakeHandler* make_handler);
  Expected<void> bind_all();
  Expected<void> add_worker(std::uint32_t number, http::Handler* handler,
                            const MakeHandler* make_handler);

  Options options_;
  SocketBudget budget_;
  mutable std::mutex listeners_mutex_;  ///< For what follows.
  ListenerSet listeners_;
  bool ending_ = false;
  std::vector<std::unique_ptr<record::Ring>> rings_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<Watchdog> watchdog_;
  net::Backend backend_ = net::Backend::epoll;
  std::string backend_reason_;
};

}  // namespace finack::server
