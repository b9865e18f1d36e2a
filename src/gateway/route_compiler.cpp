#include "gateway/route_compiler.h"

#include <fmt/format.h>

#include <utility>

#include "gateway/path_reading.h"
#include "gateway/route_labels.h"

namespace finack::gateway {
namespace {

/// A path of the file as requests' paths are read.
std::expected<void, std::string> make_comparable(std::string& path, const char* key) {
  if (path.empty()) return {};
  std::string read;
  const PathSurvey survey = survey_path(path, read);
  if (survey.fault == PathFault::bad_escape || survey.fault == PathFault::nul_byte) {
    return std::unexpected(
        fmt::format("match.{}: {} has an escape that no path can have", key, path));
  }
  if (survey.fault != PathFault::none || survey.disputed != kLiteral) {
    return std::unexpected(fmt::format(
        "match.{}: {} could match nothing, as servers read it differently: it can hold neither . "
        "or .. as a segment nor // ; %2F or %5C",
        key, path));
  }
  read_path(path, kLiteral, read);
  path = std::move(read);
  return {};
}

std::string describe(const MatchSettings& match) {
  std::string out = match.hosts.empty() ? std::string() : match.hosts.front();
  if (!match.exact.empty()) return out + match.exact;
  if (!match.regex.empty()) return out + "~" + match.regex;
  if (match.prefix.empty() || match.prefix.ends_with('/')) return out + match.prefix + "*";
  return out + match.prefix + "/*";
}

}  // namespace

std::expected<Route, std::string> compile_route(RouteSettings settings, std::size_t index) {
  Route route;
  route.index = index;
  route.settings = std::move(settings);
  MatchSettings& match = route.settings.match;
  if (auto fine = make_comparable(match.exact, "exact"); !fine) {
    return std::unexpected(fine.error());
  }
  if (auto fine = make_comparable(match.prefix, "prefix"); !fine) {
    return std::unexpected(fine.error());
  }
  if (!match.regex.empty()) {
    auto regex = compile_regex(match.regex);
    if (!regex) return std::unexpected(fmt::format("match.regex: {}", regex.error()));
    route.regex = *std::move(regex);
  }
  if (route.settings.rewrite) {
    auto rewrite = PathRewrite::compile(*route.settings.rewrite, match.prefix);
    if (!rewrite) return std::unexpected(fmt::format("rewrite: {}", rewrite.error()));
    route.rewrite = *std::move(rewrite);
  }
  if (route.settings.split) route.split.emplace(*route.settings.split);
  const std::string& name = route.settings.name;
  route.label = &route_label(name.empty() ? describe(match) : name);
  return route;
}

}  // namespace finack::gateway
