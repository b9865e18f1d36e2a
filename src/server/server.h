#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "finack/record/drainer.h"
#include "finack/server/settings.h"
#include "server/admission.h"
#include "server/watchdog.h"
#include "server/worker.h"
#include "server/worker_handler.h"

namespace finack::server {

/// One address where a server listens, and how it treats who connects there.
struct ListenerOptions {
  std::string spec;  ///< As net::ListenSockets takes it.
  std::string name;  ///< In records; "": the address as bound.
  Settings settings;
};

/// A set of workers that serve the same listeners with one handler, or with one each. start() makes
/// their threads;
/// drain() and force() may be called from any thread; join() waits for the end.
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

  /// Before start(): how many sockets of clients there may be at a time; what is beyond is shed
  /// (resource.descriptors). 0, the default: as many as the system allows.
  void limit_sockets(std::uint32_t sockets) { budget_.limit(sockets); }
  void start();
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
  /// One listener: its sockets, and what they are served by.
  struct Place {
    net::ListenSockets sockets;
    const Settings* settings;
    Admission* admission;
    std::string_view name;
  };

  explicit Server(Options options);
  static Expected<std::unique_ptr<Server>> make(Options options, http::Handler* handler,
                                                const MakeHandler* make_handler);
  Expected<void> bind_all();
  Expected<void> bind(const std::string& spec, std::string_view name, const Settings& settings,
                      Admission& admission);
  Expected<void> add_worker(std::uint32_t number, http::Handler* handler,
                            const MakeHandler* make_handler);

  Options options_;
  SocketBudget budget_;
  std::deque<Admission> admissions_;
  std::vector<Place> places_;
  std::vector<std::unique_ptr<record::Ring>> rings_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<Watchdog> watchdog_;
  net::Backend backend_ = net::Backend::epoll;
  std::string backend_reason_;
};

}  // namespace finack::server
