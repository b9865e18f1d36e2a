// finack serve: the gateway as a process.
#include <fmt/format.h>

#include <cstdio>
#include <random>
#include <string_view>

#include "admin/api_handler.h"
#include "admin/cluster_metrics.h"
#include "app/service.h"
#include "base/stderr_line.h"
#include "cli/command.h"
#include "cli/gateway_worker.h"
#include "cli/listener_options.h"
#include "cli/reload_handler.h"
#include "cli/reloader.h"
#include "cli/serve_signals.h"
#include "gateway/alignment.h"

namespace finack::cli {
namespace {

constexpr std::string_view kName = "finack serve";

void say(std::string_view text) { write_stderr_line(fmt::format("{}: {}", kName, text)); }

/// A text of several lines, each as one of ours.
void say_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    say(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

/// Tells this process from others of its name in Via.
std::string process_mark() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  std::random_device random;
  std::string mark;
  for (int i = 0; i < 10; ++i) mark += kLetters[random() % kLetters.size()];
  return mark;
}

void say_misalignments(const ServeSettings& settings) {
  const std::size_t count = misalignments(settings.gateway).size();
  if (count == 0) return;
  const std::string& file = settings.process.config;
  say(fmt::format("{} setting{} not go together with others{}", count,
                  count == 1 ? " does" : "s do",
                  file.empty() ? "" : fmt::format(": finack check {} tells more", file)));
}

/// A gateway for one worker of the server, and for who looks into all of them.
Expected<std::unique_ptr<server::WorkerHandler>> make_worker(const server::Seat& seat,
                                                             PlanBoard& board,
                                                             std::vector<admin::Worker*>& workers) {
  auto made = GatewayWorker::create(seat, board, say);
  if (!made) return std::unexpected(std::move(made.error()));
  workers.push_back(made->get());
  return std::move(*made);
}

std::expected<ReadyListeners, server::ListenerTrouble> check_listeners(
    app::Service& service, std::vector<server::ListenerOptions> next) {
  auto change = service.check_listeners(std::move(next));
  if (!change) return std::unexpected(std::move(change.error()));
  const server::ListenerCounts counts = change->counts();
  return ReadyListeners{counts, [&service, held = std::move(*change)]() mutable {
                          service.change_listeners(std::move(held));
                        }};
}

}  // namespace

int serve(int argc, char** argv) {
  prepare_signals();
  const ServeCommand command{.arguments = std::vector<std::string>(argv, argv + argc),
                             .environment = config::process_environment()};
  auto reading = std::make_unique<ServeReading>(command);
  const config::CommandLine& line = reading->line();
  fmt::print("{}", line.output);
  fmt::print(stderr, "{}", line.errors);
  for (const std::string& warning : line.warnings) say(warning);
  if (line.exit_status) return *line.exit_status;
  say_misalignments(reading->settings());

  const std::string mark = process_mark();
  auto plan = gateway::Plan::create(reading->settings().gateway, mark);
  if (!plan) {
    say(plan.error().what);
    return 2;
  }
  const app::ProcessOptions process = reading->settings().process;
  server::Settings of_process;
  of_process.loop_blocked = reading->settings().loop_blocked;
  const std::string admin_host = reading->settings().admin_host;
  const auto listeners = listener_options(reading->settings().gateway.listeners);
  PlanBoard board(std::move(*plan));
  app::Service* running = nullptr;
  Reloader reloader(command, std::move(reading), board, mark,
                    [&running](std::vector<server::ListenerOptions> next) {
                      return check_listeners(*running, std::move(next));
                    });
  const auto reload = [&reloader] {
    ReloadOutcome outcome = reloader.reload();
    say_lines(reload_text(outcome));
    return outcome;
  };
  ReloadHandler reload_handler(reload);
  std::vector<admin::Worker*> workers;
  admin::ApiHandler api({.plan = [&board] { return board.current().first; },
                         .workers = &workers,
                         .name = admin_host,
                         .more = &reload_handler,
                         .clock = &system_clock()});

  app::Service::Parts parts;
  parts.make_handler = [&board, &workers](const server::Seat& seat) {
    return make_worker(seat, board, workers);
  };
  parts.listeners = listeners;
  parts.dials = true;
  parts.admin = &api;
  parts.admin_index = fmt::format("{}{}", admin::ApiHandler::kIndex, ReloadHandler::kIndex);
  parts.more_metrics = [&board](std::vector<prometheus::MetricFamily>& all) {
    admin::add_cluster_metrics(all, *board.current().first, system_clock().now());
  };
  parts.on_reload = [&reload] { reload(); };
  parts.name = kName;
  auto service = app::Service::create(of_process, process, std::move(parts));
  if (!service) {
    say(service.error().what);
    return 2;
  }
  running = service->get();
  return running->run();
}

}  // namespace finack::cli
