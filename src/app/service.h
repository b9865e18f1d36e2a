#pragma once
#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/descriptor_share.h"
#include "app/request_filter.h"
#include "finack/admin/handler.h"
#include "finack/admin/health.h"
#include "finack/app/process_options.h"
#include "finack/record/drainer.h"
#include "finack/route/connection_monitor.h"
#include "finack/server/settings.h"
#include "finack/sinks/console.h"
#include "finack/sinks/metrics.h"
#include "finack/sinks/record_lines.h"
#include "server/server.h"
#include "server/worker_handler.h"
#include "sinks/log.h"

namespace finack::app {

/// Which requests are recorded: those of `record-requests` (0: abnormal, 1: all, N: every Nth), or
/// all of them where a monitor listens to every request; `monitor` may be nullptr.
record::RecordRequests recorded_requests(std::uint32_t record_every,
                                         const route::ConnectionMonitor* monitor);

/// A serving process put together: the server for traffic, the admin and probe listeners, the
/// drainer and its sinks. create, start, then run() on the main thread, which owns the signals.
class Service {
 public:
  struct Parts {
    http::Handler* handler = nullptr;  ///< Outlives the service.
    /// Instead of `handler`: makes one for each worker.
    server::MakeHandler make_handler;
    /// Where given, instead of the addresses of the options: each with settings of its own. Those
    /// of create() then hold for the process alone (loop_blocked).
    std::vector<server::ListenerOptions> listeners;
    /// Requests may need sockets to servers: descriptors are kept for them.
    bool dials = false;
    /// Answers on the admin listener what its built-in paths do not, 404 included; outlives the
    /// service. nullptr: nobody.
    http::Handler* admin = nullptr;
    std::string admin_index;  ///< Lines about its paths for the index at /.
    /// Adds families to the metrics; called at each scrape, on the admin listener's thread.
    std::function<void(std::vector<prometheus::MetricFamily>&)> more_metrics;
    /// Called on SIGHUP, on run()'s thread. Empty: the signal does nothing.
    std::function<void()> on_reload;
    std::vector<record::Sink*> sinks;  ///< Further readers of records; outlive the service.
    route::ConnectionMonitor* monitor = nullptr;
    std::string name = "finack";  ///< What start-up lines begin with.
  };
  static Expected<std::unique_ptr<Service>> create(const server::Settings& settings,
                                                   const ProcessOptions& options, Parts parts);
  ~Service();

  /// Serves until SIGTERM or SIGINT, drains, and returns the exit status: 0 when nothing was cut,
  /// else 1. SIGUSR1 reopens files, SIGHUP reloads; a second SIGTERM or SIGINT cuts what is left.
  /// Does not return when handlers still ignore their stop a second after the drain: it exits
  /// with 1.
  int run();
  /// Other listeners instead of those of `Parts::listeners`, while it runs: see
  /// server::Server::check_listeners and change_listeners. Any thread.
  std::expected<server::ListenerChange, server::ListenerTrouble> check_listeners(
      std::vector<server::ListenerOptions> next) {
    return server_->check_listeners(std::move(next));
  }
  /// Says on standard error what it listens on now and no longer.
  void change_listeners(server::ListenerChange change);
  /// Where clients connect, and the admin listener's address ("": none); as bound, with real ports.
  std::vector<std::string> addresses() const { return server_->addresses(); }
  std::string admin_address() const { return admin_ ? admin_->addresses().front() : ""; }
  /// Lines of the application, to standard error; they stop nobody when nobody reads them.
  sinks::Log& log() { return log_; }

 private:
  Service(const server::Settings& settings, const ProcessOptions& options, Parts parts);
  Expected<void> open_sinks();
  Expected<void> open_servers();
  Expected<std::unique_ptr<server::Server>> side_server(const std::string& address,
                                                        http::Handler& handler,
                                                        std::uint32_t first_index);
  std::vector<sinks::CounterSource> counter_sources() const;
  void add_sinks(std::vector<record::Sink*>& sinks);
  void share_out_descriptors();
  DescriptorShare limit_traffic(std::size_t listeners);
  sinks::DroppedLines dropped_lines() const;
  void say(const std::string& text) const;
  void announce() const;
  void announce_limit() const;
  std::vector<server::ListenerOptions> listeners() const;
  Nanos drain_delay() const;
  Nanos drain_limit() const;
  void wait_for_end();
  std::uint64_t shut_down();
  void stop_sinks();

  server::Settings settings_;
  ProcessOptions options_;
  Parts parts_;
  std::uint32_t boot_;
  mutable std::mutex listeners_mutex_;
  std::vector<server::ListenerOptions> listeners_;  ///< As they are now.
  std::uint64_t descriptor_limit_ = 0;
  std::uint64_t other_files_ = 0;       ///< Open at the start, those of listeners apart.
  std::uint32_t most_connections_ = 0;  ///< What descriptors allow; 0: any number.
  admin::Health health_;
  sinks::Log log_;
  std::unique_ptr<sinks::RecordLines> lines_;
  std::unique_ptr<sinks::Console> console_;
  std::unique_ptr<sinks::Metrics> metrics_;
  std::unique_ptr<admin::AdminHandler> admin_handler_;
  std::unique_ptr<admin::ProbeHandler> probe_handler_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<server::Server> admin_;
  std::unique_ptr<server::Server> probe_;
  std::vector<std::unique_ptr<RequestFilter>> filters_;
  std::unique_ptr<record::Drainer> drainer_;
};

}  // namespace finack::app
