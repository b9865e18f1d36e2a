// finack demo: routes that make every kind of ending, and the server that records them.
#include <fmt/format.h>

#include <cstdio>

#include "app/process_options.h"
#include "app/server_options.h"
#include "app/service.h"
#include "cli/command.h"
#include "cli/demo_routes.h"
#include "config/command_line.h"
#include "finack/route/engine.h"

namespace finack::cli {

int demo(int argc, char** argv) {
  app::ProcessOptions process;
  process.log_level = app::LogLevel::debug;  // Every ending shown while it happens.
  server::Settings settings;
  config::OptionTable table;
  app::process_rows(table, process);
  app::server_rows(table, settings);
  const config::CommandLine line = config::parse(
      argc, argv, table,
      {.name = "finack demo",
       .description = "Serves routes that make every kind of ending, and records each of them."});
  fmt::print("{}", line.output);
  fmt::print(stderr, "{}", line.errors);
  for (const std::string& warning : line.warnings) fmt::print(stderr, "finack demo: {}\n", warning);
  if (line.exit_status) return *line.exit_status;

  route::EngineOptions options;
  options.pool = {.threads = process.blocking_threads, .queue = process.blocking_queue};
  route::Engine engine(options);
  add_demo_routes(engine);
  app::Service::Parts parts;
  parts.handler = &engine;
  parts.name = "finack demo";
  auto service = app::Service::create(settings, process, std::move(parts));
  if (!service) {
    fmt::print(stderr, "finack demo: {}\n", service.error().what);
    return 2;
  }
  return (*service)->run();
}

}  // namespace finack::cli
