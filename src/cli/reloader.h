#pragma once
#include <boost/json/value.hpp>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/plan_board.h"
#include "cli/serve_settings.h"
#include "config/command_line.h"
#include "server/listener_set.h"

namespace finack::cli {

/// What `finack serve` was started with, read again at each reload.
struct ServeCommand {
  std::vector<std::string> arguments;  ///< argv, its name first.
  config::Environment environment;
};

/// A command line of `finack serve` as it is now: its file read, its settings whole.
class ServeReading {
 public:
  explicit ServeReading(const ServeCommand& command) : line_(read(command)) {}
  ServeReading(const ServeReading&) = delete;
  ServeReading& operator=(const ServeReading&) = delete;

  const ServeSettings& settings() const { return settings_; }
  const config::CommandLine& line() const { return line_; }
  /// Where the file says the setting: its path where there is no file.
  std::string where(const std::string& path) const;

 private:
  config::CommandLine read(const ServeCommand& command);

  ServeSettings settings_;
  config::Scope root_;  ///< Of settings_, and what line_ speaks of.
  config::CommandLine line_;
};

/// Listeners that were checked and bound, and what puts them in force.
struct ReadyListeners {
  server::ListenerCounts counts;
  std::move_only_function<void()> put_in_force;
};
/// Asks whoever serves whether these could be the listeners; see server::Server::check_listeners.
using CheckListeners = std::function<std::expected<ReadyListeners, server::ListenerTrouble>(
    std::vector<server::ListenerOptions>)>;

/// What came of a reload.
struct ReloadOutcome {
  std::vector<config::Problem> problems;  ///< Not empty: nothing has changed.
  std::vector<std::string> warnings;
  std::size_t routes = 0;
  std::size_t kept = 0;  ///< Clusters whose settings are the same; they live on.
  std::size_t made = 0;
  std::size_t gone = 0;
  server::ListenerCounts listeners;

  bool done() const { return problems.empty(); }
};
/// "reloaded: 3 routes; clusters: 2 kept, 1 new, 0 gone; listeners: 1 kept, 0 changed, 0 new, 0
/// gone", or why not.
std::string reload_text(const ReloadOutcome& outcome);
/// The same for programs.
boost::json::value reload_json(const ReloadOutcome& outcome);

/// Reads a gateway's file again and puts it in force, all of it or nothing. Any thread; one reload
/// at a time.
class Reloader {
 public:
  /// `board` outlives it; `mark` is that of the plan on it.
  Reloader(ServeCommand command, std::unique_ptr<ServeReading> in_force, PlanBoard& board,
           std::string mark, CheckListeners check_listeners);

  ReloadOutcome reload();

 private:
  ServeCommand command_;
  std::mutex mutex_;
  std::unique_ptr<ServeReading> in_force_;
  PlanBoard& board_;
  std::string mark_;
  CheckListeners check_listeners_;
};

/// What a reload from `before` to `after` would need a restart for.
std::vector<config::Problem> restart_needed(const ServeReading& before, const ServeReading& after);

}  // namespace finack::cli
