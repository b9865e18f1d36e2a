#include "cli/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "cli/serve_settings.h"
#include "config/print_config.h"
#include "config/yaml_reader.h"
#include "gateway/plan.h"

namespace finack::cli {
namespace {

/// A sentence of a danger begins "PATH is ".
std::string path_of(const std::string& danger) { return danger.substr(0, danger.find(' ')); }

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::size_t of_severity(const CheckReport& report, std::string_view word) {
  return static_cast<std::size_t>(std::ranges::count(
      report.misalignments, word, [](const auto& found) { return severity_word(found); }));
}

boost::json::object place_json(const config::Places& places, const std::string& path) {
  const config::Place place = places.at(path);
  return {{"line", place.line}, {"column", place.column}};
}

boost::json::object setting_json(const CheckReport& report,
                                 const gateway::AlignedSetting& setting) {
  boost::json::object out = place_json(report.places, setting.path);
  out["path"] = setting.path;
  out["value"] = setting.value;
  out["stated"] = report.places.has(setting.path);
  return out;
}

}  // namespace

bool CheckReport::fine() const {
  return problems.empty() && dangers.empty() && of_severity(*this, "error") == 0 &&
         of_severity(*this, "warning") == 0;
}

CheckReport check_file(const std::string& path) {
  CheckReport report;
  report.file = path;
  ServeSettings settings;
  config::Scope root;
  describe_serve(root, settings);
  config::FileContent content = config::read_yaml_file(root, path);
  report.problems = std::move(content.problems);
  report.readable = report.problems.empty() || report.problems.front().where != path;
  if (!report.problems.empty()) return report;
  config::Resolved resolved(root.table());
  resolved.take(content.assignments, config::Origin::file);
  resolved.apply();
  content.apply_parts();
  report.places = std::move(content.places);
  report.problems = complete_serve(settings, resolved, path, report.dangers);
  if (!report.problems.empty()) return report;
  if (auto plan = gateway::Plan::create(settings.gateway, "check"); !plan) {
    report.problems.push_back({path, plan.error().what});
    return report;
  }
  report.misalignments = misalignments(settings.gateway);
  std::vector<std::string> dangers = resolved.warnings();
  for (std::string& danger : config::part_warnings(root, report.places))
    dangers.push_back(std::move(danger));
  for (std::string& danger : dangers) {
    const std::string about = path_of(danger);
    const bool told = std::ranges::any_of(report.misalignments, [&](const auto& found) {
      return found.settings.front().path == about;
    });
    if (!told) report.dangers.push_back(std::move(danger));
  }
  return report;
}

std::string check_text(const CheckReport& report) {
  std::string out;
  for (const config::Problem& problem : report.problems)
    out += fmt::format("{}: error: {}\n", problem.where, problem.what);
  for (const gateway::Misalignment& found : report.misalignments) {
    const gateway::AlignedSetting& first = found.settings.front();
    out += fmt::format("{}: {} {}: {} = {}: {}\n", report.places.where(first.path),
                       severity_word(found), found.rule, first.path, first.value, found.what);
    for (std::size_t i = 1; i < found.settings.size(); ++i) {
      const gateway::AlignedSetting& other = found.settings[i];
      out += report.places.has(other.path)
                 ? fmt::format("    {}: {} = {}\n", report.places.where(other.path), other.path,
                               other.value)
                 : fmt::format("    {} = {} (default)\n", other.path, other.value);
    }
    out += fmt::format("    change: {}\n", found.change);
  }
  for (const std::string& danger : report.dangers)
    out += fmt::format("{}: warning: {}\n", report.places.where(path_of(danger)), danger);
  if (report.fine()) return out + fmt::format("{}: fine\n", report.file);
  return out +
         fmt::format("{}: {}, {}\n", report.file,
                     counted(report.problems.size() + of_severity(report, "error"), "error"),
                     counted(report.dangers.size() + of_severity(report, "warning"), "warning"));
}

std::string check_json(const CheckReport& report) {
  boost::json::array problems;
  for (const config::Problem& problem : report.problems)
    problems.push_back({{"where", problem.where}, {"what", problem.what}});
  boost::json::array findings;
  for (const gateway::Misalignment& found : report.misalignments) {
    boost::json::array settings;
    for (const gateway::AlignedSetting& setting : found.settings)
      settings.push_back(setting_json(report, setting));
    findings.push_back({{"rule", found.rule},
                        {"severity", severity_word(found)},
                        {"settings", std::move(settings)},
                        {"what", found.what},
                        {"change", found.change}});
  }
  boost::json::array dangers;
  for (const std::string& danger : report.dangers) {
    boost::json::object out = place_json(report.places, path_of(danger));
    out["path"] = path_of(danger);
    out["what"] = danger;
    dangers.push_back(std::move(out));
  }
  return boost::json::serialize(boost::json::object{{"file", report.file},
                                                    {"fine", report.fine()},
                                                    {"problems", std::move(problems)},
                                                    {"findings", std::move(findings)},
                                                    {"warnings", std::move(dangers)}}) +
         "\n";
}

}  // namespace finack::cli
