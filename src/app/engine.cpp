#include "finack/app/engine.h"

#include <fmt/format.h>

#include <cstdio>

#include "app/service.h"
#include "finack/route/middleware.h"

namespace finack::app {

Engine::Engine(Defaults, const route::EngineOptions& options) : route::Engine(options) {
  // Whatever goes wrong further in, there is a line of it.
  use(route::logger(), route::request_id(), route::recovery());
  monitor_ = std::make_unique<route::ConnectionMonitor>(route::ConnectionMonitor::Hooks{});
}

route::ConnectionMonitor& Engine::monitor(route::ConnectionMonitor::Hooks hooks,
                                          route::MonitorAlert alert) {
  monitor_ = std::make_unique<route::ConnectionMonitor>(std::move(hooks), alert);
  return *monitor_;
}

int Engine::run(std::string_view address) {
  process_.listen = {std::string(address)};
  return run();
}

int Engine::run() {
  Service::Parts parts;
  parts.handler = this;
  parts.sinks = sinks_;
  parts.monitor = monitor_.get();
  auto service = Service::create(settings_, process_, std::move(parts));
  if (!service) {
    fmt::print(stderr, "finack: {}\n", service.error().what);
    return 2;
  }
  log_to([&log = (*service)->log()](std::string_view line) { log.write(line); });
  const int status = (*service)->run();
  log_to({});
  return status;
}

Engine default_engine(const route::EngineOptions& options) {
  return Engine(Engine::Defaults{}, options);
}

}  // namespace finack::app
