#include "cli/reloader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/listener_options.h"
#include "net/listener.h"

namespace finack::cli {
namespace {

using config::Problem;
using gateway::ListenerSettings;

/// The rows whose values a reload takes over; all others are the process's own.
constexpr std::string_view kGatewayRows = "Gateway";

/// Somebody else's sockets come with the start and stay: a number given later could be any socket
/// of ours, and clients of one let go would wait in a backlog that nobody takes from.
void compare_inherited(const ServeReading& before, const ServeReading& after,
                       std::vector<Problem>& out) {
  const auto inherited = [](const ServeReading& reading) {
    std::vector<std::string> addresses;
    for (const ListenerSettings& one : reading.settings().gateway.listeners)
      if (net::ListenSockets::names_inherited(one.address)) addresses.push_back(one.address);
    return addresses;
  };
  std::vector<std::string> left = inherited(before);
  const auto& now = after.settings().gateway.listeners;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::string& address = now[i].address;
    if (!net::ListenSockets::names_inherited(address)) continue;
    if (const auto at = std::ranges::find(left, address); at != left.end()) {
      left.erase(at);
    } else {
      out.push_back({after.where(fmt::format("listeners[{}]", i)),
                     fmt::format("the listener {} is new, and its socket inherited: it needs a "
                                 "restart",
                                 address)});
    }
  }
  for (const std::string& address : left) {
    out.push_back({after.where("listeners[0]"),
                   fmt::format("the listener {} is gone, and its socket inherited: that needs a "
                               "restart",
                               address)});
  }
}

}  // namespace

std::vector<Problem> restart_needed(const ServeReading& before, const ServeReading& after) {
  std::vector<Problem> out;
  const config::Resolved& now = after.line().resolved;
  const config::Resolved& was = before.line().resolved;
  for (std::size_t i = 0; i < now.table().options().size(); ++i) {
    const config::Option& option = now.table().options()[i];
    if (option.group == kGatewayRows || option.path.empty() ||
        now.at(option).value == was.at(was.table().options()[i]).value)
      continue;
    out.push_back({after.where(option.path),
                   fmt::format("{} has changed: that needs a restart", option.path)});
  }
  compare_inherited(before, after, out);
  return out;
}

std::string ServeReading::where(const std::string& path) const {
  return line_.places.file_name().empty() ? path : line_.places.where(path);
}

config::CommandLine ServeReading::read(const ServeCommand& command) {
  std::vector<const char*> words;
  words.reserve(command.arguments.size());
  for (const std::string& argument : command.arguments) words.push_back(argument.c_str());
  describe_serve(root_, settings_);
  const auto complete = [this](const config::Resolved& resolved,
                               std::vector<std::string>& warnings) {
    return complete_serve(settings_, resolved, settings_.process.config, warnings);
  };
  return config::parse(
      static_cast<int>(words.size()), words.data(), root_,
      {.name = "finack serve",
       .description = "A reverse proxy that explains and prevents broken connections: in front of "
                      "the servers that --upstream names, or as a file says (--config).",
       .complete = complete},
      command.environment);
}

Reloader::Reloader(ServeCommand command, std::unique_ptr<ServeReading> in_force, PlanBoard& board,
                   std::string mark, CheckListeners check_listeners)
    : command_(std::move(command)),
      in_force_(std::move(in_force)),
      board_(board),
      mark_(std::move(mark)),
      check_listeners_(std::move(check_listeners)) {}

ReloadOutcome Reloader::reload() {
  const std::scoped_lock lock(mutex_);
  ReloadOutcome outcome;
  if (in_force_->settings().process.config.empty()) {
    outcome.problems.push_back({"finack serve",
                                "it was started without --config: there is no file "
                                "to read again"});
    return outcome;
  }
  auto next = std::make_unique<ServeReading>(command_);
  outcome.problems = next->line().problems;
  if (outcome.done()) outcome.problems = restart_needed(*in_force_, *next);
  if (!outcome.done()) return outcome;
  const auto [before, number] = board_.current();
  auto plan = gateway::Plan::create(next->settings().gateway, mark_, before.get());
  if (!plan) {
    outcome.problems.push_back({next->settings().process.config, plan.error().what});
    return outcome;
  }
  // Last, because from then on clients may connect there.
  auto listeners = check_listeners_(listener_options(next->settings().gateway.listeners));
  if (!listeners) {
    const server::ListenerTrouble& trouble = listeners.error();
    outcome.problems.push_back(
        {next->where(fmt::format("listeners[{}].address", trouble.index)), trouble.error.what});
    return outcome;
  }
  outcome.listeners = listeners->counts;
  outcome.warnings = next->line().warnings;
  outcome.routes = next->settings().gateway.routes.size();
  for (const auto& cluster : (*plan)->clusters()) {
    const bool kept = std::ranges::find(before->clusters(), cluster) != before->clusters().end();
    ++(kept ? outcome.kept : outcome.made);
  }
  outcome.gone = before->clusters().size() - outcome.kept;
  // A new listener's first request goes by the new plan.
  board_.publish(std::move(*plan));
  listeners->put_in_force();
  in_force_ = std::move(next);
  return outcome;
}

std::string reload_text(const ReloadOutcome& outcome) {
  if (!outcome.done()) return "not reloaded, nothing has changed:\n" + to_string(outcome.problems);
  std::string text;
  for (const std::string& warning : outcome.warnings) text += warning + "\n";
  const server::ListenerCounts& listeners = outcome.listeners;
  return text +
         fmt::format(
             "reloaded: {} routes; clusters: {} kept, {} new, {} gone; listeners: {} kept, {} "
             "changed, {} new, {} gone\n",
             outcome.routes, outcome.kept, outcome.made, outcome.gone, listeners.kept,
             listeners.changed, listeners.added, listeners.gone);
}

boost::json::value reload_json(const ReloadOutcome& outcome) {
  boost::json::object out{{"reloaded", outcome.done()}};
  if (outcome.done()) {
    out["routes"] = outcome.routes;
    out["clusters"] =
        boost::json::object{{"kept", outcome.kept}, {"new", outcome.made}, {"gone", outcome.gone}};
    const server::ListenerCounts& listeners = outcome.listeners;
    out["listeners"] = boost::json::object{{"kept", listeners.kept},
                                           {"changed", listeners.changed},
                                           {"new", listeners.added},
                                           {"gone", listeners.gone}};
    out["warnings"] = boost::json::array(outcome.warnings.begin(), outcome.warnings.end());
  } else {
    boost::json::array problems;
    for (const Problem& problem : outcome.problems)
      problems.push_back({{"where", problem.where}, {"what", problem.what}});
    out["problems"] = std::move(problems);
  }
  return out;
}

}  // namespace finack::cli
