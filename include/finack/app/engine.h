#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "finack/app/process_options.h"
#include "finack/record/record.h"
#include "finack/route/connection_monitor.h"
#include "finack/route/engine.h"
#include "finack/server/settings.h"

namespace finack::app {

/// An application: routes and middleware (route::Engine), the settings of its server, and run().
/// Register and set everything first; run() serves until SIGTERM or SIGINT and drains.
class Engine : public route::Engine {
 public:
  explicit Engine(const route::EngineOptions& options = {}) : route::Engine(options) {}
  /// With what most applications want: a line for each request on standard error
  /// (route::logger), request ids, recovery, and a ConnectionMonitor without hooks, which counts.
  /// For other middleware make an Engine without Defaults and use() it.
  struct Defaults {};
  explicit Engine(Defaults defaults, const route::EngineOptions& options = {});

  /// Timeouts and limits of connections; see docs/configuration.md.
  server::Settings& settings() { return settings_; }
  /// Addresses, records, workers. run(address) replaces `listen`.
  ProcessOptions& process() { return process_; }
  /// Also fed with every record, on the drainer's thread: a sink that blocks holds up all others.
  /// Must outlive run().
  void add_sink(record::Sink& sink) { sinks_.push_back(&sink); }
  /// Hooks on connections and requests (see ConnectionMonitor); at most one: replaces the one there
  /// was.
  route::ConnectionMonitor& monitor(route::ConnectionMonitor::Hooks hooks,
                                    route::MonitorAlert alert = {});
  /// The monitor, for its counts; nullptr: none.
  const route::ConnectionMonitor* monitor() const { return monitor_.get(); }

  /// Serves on `address` (the forms of ProcessOptions::listen) until SIGTERM or SIGINT, then
  /// drains; a second signal cuts what is left. Call it from the main thread: it takes these
  /// signals, SIGUSR1 and SIGHUP over until it returns (SIGPIPE stays ignored). One run at a time
  /// in a process; engines may follow each other. Returns 0 when every connection ended by itself,
  /// 1 when some had to be cut, 2 when it could not start (the reason is on standard error).
  /// Handlers that still ignore their stop a second after the drain cannot be ended alone: then it
  /// says so, and ends the process with status 1.
  int run(std::string_view address);
  /// As process() and settings() say.
  int run();

 private:
  server::Settings settings_;
  ProcessOptions process_;
  std::vector<record::Sink*> sinks_;
  std::unique_ptr<route::ConnectionMonitor> monitor_;
};

/// An Engine with Engine::Defaults.
Engine default_engine(const route::EngineOptions& options = {});

}  // namespace finack::app
