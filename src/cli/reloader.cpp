#include "cli/reloader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>

#include "config/differences.h"
#include "gateway/settings_table.h"

namespace finack::cli {
namespace {

using config::Problem;
using gateway::ListenerSettings;

/// The rows whose values a reload takes over; all others are the process's own.
constexpr std::string_view kGatewayRows = "Gateway";

/// Of the listeners as a whole: who came and who went.
void compare_addresses(const ServeReading& before, const ServeReading& after,
                       std::vector<Problem>& out) {
  const auto has = [](const ServeReading& reading, const std::string& address) {
    const auto& all = reading.settings().gateway.listeners;
    return std::ranges::find(all, address, &ListenerSettings::address) != all.end();
  };
  const auto& now = after.settings().gateway.listeners;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (!has(before, now[i].address))
      out.push_back({after.where(fmt::format("listeners[{}]", i)),
                     fmt::format("the listener {} is new: it needs a restart", now[i].address)});
  }
  for (const ListenerSettings& listener : before.settings().gateway.listeners) {
    if (!has(after, listener.address))
      out.push_back(
          {after.where("listeners[0]"),
           fmt::format("the listener {} is gone: that needs a restart", listener.address)});
  }
  if (out.empty() && now.size() != before.settings().gateway.listeners.size())
    out.push_back({after.where("listeners[0]"), "listeners came or went: that needs a restart"});
}

void compare_listeners(const ServeReading& before, const ServeReading& after,
                       std::vector<Problem>& out) {
  std::vector<Problem> addresses;
  compare_addresses(before, after, addresses);
  if (!addresses.empty()) {
    out.insert(out.end(), addresses.begin(), addresses.end());
    return;
  }
  const std::vector<ListenerSettings>& were = before.settings().gateway.listeners;
  for (std::size_t i = 0; i < after.settings().gateway.listeners.size(); ++i) {
    const std::string& address = after.settings().gateway.listeners[i].address;
    ListenerSettings old = *std::ranges::find(were, address, &ListenerSettings::address);
    ListenerSettings next = after.settings().gateway.listeners[i];
    config::Scope old_scope;
    config::Scope next_scope;
    describe_listener(old_scope, old);
    describe_listener(next_scope, next);
    for (const std::string& path :
         config::differences(old_scope, next_scope, fmt::format("listeners[{}]", i)))
      out.push_back({after.where(path), fmt::format("{} has changed: that needs a restart", path)});
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
  compare_listeners(before, after, out);
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
                   std::string mark)
    : command_(std::move(command)),
      in_force_(std::move(in_force)),
      board_(board),
      mark_(std::move(mark)) {}

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
  outcome.warnings = next->line().warnings;
  outcome.routes = next->settings().gateway.routes.size();
  for (const auto& cluster : (*plan)->clusters()) {
    const bool kept = std::ranges::find(before->clusters(), cluster) != before->clusters().end();
    ++(kept ? outcome.kept : outcome.made);
  }
  outcome.gone = before->clusters().size() - outcome.kept;
  board_.publish(std::move(*plan));
  in_force_ = std::move(next);
  return outcome;
}

std::string reload_text(const ReloadOutcome& outcome) {
  if (!outcome.done()) return "not reloaded, nothing has changed:\n" + to_string(outcome.problems);
  std::string text;
  for (const std::string& warning : outcome.warnings) text += warning + "\n";
  return text + fmt::format("reloaded: {} routes; clusters: {} kept, {} new, {} gone\n",
                            outcome.routes, outcome.kept, outcome.made, outcome.gone);
}

boost::json::value reload_json(const ReloadOutcome& outcome) {
  boost::json::object out{{"reloaded", outcome.done()}};
  if (outcome.done()) {
    out["routes"] = outcome.routes;
    out["clusters"] =
        boost::json::object{{"kept", outcome.kept}, {"new", outcome.made}, {"gone", outcome.gone}};
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
