#include "gateway/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/route_compiler.h"
#include "http/ascii.h"

namespace finack::gateway {
namespace {

/// The longest name that DNS has, and room for what no name has.
constexpr std::size_t kLongestHost = 256;

using HostStorage = std::array<char, kLongestHost>;

std::string_view without_port(std::string_view host) {
  // The colons of an IPv6 literal stand before its bracket.
  const std::size_t colon = host.rfind(':');
  const bool port = colon != std::string_view::npos && host.find(']', colon) == host.npos;
  return port ? host.substr(0, colon) : host;
}

/// In lower case, without port and final dot; "" for what is too long to be a name.
std::string_view fold_host(std::string_view host, HostStorage& storage) {
  host = without_port(host);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > storage.size()) return {};
  std::ranges::transform(host, storage.begin(), http::to_lower);
  return {storage.data(), host.size()};
}

bool has_header(std::span<const http::Header> headers, const std::string& name,
                const std::string& value) {
  return std::ranges::any_of(headers, [&](const http::Header& field) {
    return http::equals_nocase(field.name, name) && (value.empty() || field.value == value);
  });
}

bool fits(const MatchSettings& match, const RequestFacts& facts) {
  if (!match.methods.empty() &&
      std::ranges::find(match.methods, facts.method) == match.methods.end()) {
    return false;
  }
  return std::ranges::all_of(match.headers, [&](const auto& wanted) {
    return has_header(facts.headers, wanted.first, wanted.second);
  });
}

bool matches_whole(const RE2& regex, std::string_view path) {
  return regex.Match(re2::StringPiece(path.data(), path.size()), 0, path.size(), RE2::ANCHOR_BOTH,
                     nullptr, 0);
}

}  // namespace

record::Cause cause_of(PathFault fault) {
  const bool trick = fault == PathFault::hidden_dots || fault == PathFault::ambiguous;
  return trick ? record::Cause::policy_smuggling : record::Cause::policy_bad_request;
}

std::expected<Router, std::string> Router::compile(std::vector<RouteSettings> settings) {
  Router router;
  router.routes_.reserve(settings.size());
  for (std::size_t i = 0; i < settings.size(); ++i) {
    auto route = compile_route(std::move(settings[i]), i);
    if (!route) return std::unexpected(fmt::format("routes[{}]: {}", i, route.error()));
    router.routes_.push_back(*std::move(route));
  }
  for (const Route& route : router.routes_) router.add(route);
  for (auto& [host, table] : router.hosts_) router.seal(table);
  for (auto& [host, table] : router.wildcards_) router.seal(table);
  router.seal(router.any_host_);
  return router;
}

void Router::add(const Route& route) {
  if (route.settings.match.hosts.empty()) add_to(any_host_, route);
  for (const std::string& pattern : route.settings.match.hosts) {
    HostStorage storage;
    const bool wildcard = pattern.starts_with("*.");
    const std::string_view plain = std::string_view(pattern).substr(wildcard ? 2 : 0);
    const std::string host(fold_host(plain, storage));
    add_to(wildcard ? wildcards_[host] : hosts_[host], route);
  }
}

void Router::add_to(PathTable& table, const Route& route) {
  const MatchSettings& match = route.settings.match;
  Bucket* bucket = &table.others;
  if (!match.exact.empty()) {
    bucket = &table.exact[match.exact];
  } else if (!match.regex.empty()) {
    bucket = &table.regexes;
  } else if (!match.prefix.empty() && match.prefix != "/") {
    bucket = &table.prefixes[match.prefix];
  }
  const auto place = static_cast<std::uint32_t>(route.index);
  // A host may be named twice by one route.
  if (bucket->empty() || bucket->back() != place) bucket->push_back(place);
}

void Router::sort(Bucket& bucket) const {
  std::ranges::stable_sort(bucket, [this](std::uint32_t a, std::uint32_t b) {
    const auto rank = [this](std::uint32_t place) {
      const MatchSettings& match = routes_[place].settings.match;
      return std::pair(!match.methods.empty(), match.headers.size());
    };
    return rank(a) > rank(b);
  });
}

void Router::seal(PathTable& table) {
  for (auto& [path, bucket] : table.exact) sort(bucket);
  for (auto& [path, bucket] : table.prefixes) {
    sort(bucket);
    table.prefix_sizes.push_back(path.size());
  }
  sort(table.regexes);
  sort(table.others);
  std::ranges::sort(table.prefix_sizes, std::greater());
  const auto rest = std::ranges::unique(table.prefix_sizes);
  table.prefix_sizes.erase(rest.begin(), rest.end());
}

Found Router::find(const RequestFacts& facts, std::string& storage) const {
  HostStorage host_storage;
  const bool by_host = !hosts_.empty() || !wildcards_.empty();
  const std::string_view host = by_host ? fold_host(facts.host, host_storage) : "";
  if (facts.path == "*" || is_plain(facts.path)) {
    return {find_read(host, facts, facts.path), PathFault::none, facts.path};
  }
  return find_disputed(host, facts, storage);
}

Found Router::find_disputed(std::string_view host, const RequestFacts& facts,
                            std::string& storage) const {
  const PathSurvey survey = survey_path(facts.path, storage);
  if (survey.fault != PathFault::none) return {nullptr, survey.fault, {}};
  const auto find_reading = [&](Reading reading) -> Found {
    const PathFault fault = read_path(facts.path, reading, storage);
    if (fault != PathFault::none) return {nullptr, fault, {}};
    return {find_read(host, facts, storage), fault, storage};
  };
  const Reading normal = survey.disputed & kNormal;
  const Found first = find_reading(normal);
  if (first.fault != PathFault::none) return first;
  // Every other set of what is in dispute, from all of it down to nothing.
  for (Reading left = survey.disputed;; left = static_cast<Reading>(left - 1) & survey.disputed) {
    if (left != normal) {
      const Found other = find_reading(left);
      if (other.fault != PathFault::none) return other;
      if (other.route != first.route) return {nullptr, PathFault::ambiguous, {}};
    }
    if (left == kLiteral) break;
  }
  read_path(facts.path, normal, storage);
  return {first.route, PathFault::none, storage};
}

const Route* Router::find_read(std::string_view host, const RequestFacts& facts,
                               std::string_view path) const {
  if (!hosts_.empty()) {
    if (const auto table = hosts_.find(host); table != hosts_.end()) {
      if (const Route* route = find_path(table->second, facts, path)) return route;
    }
  }
  if (!wildcards_.empty()) {
    // From the longest pattern on.
    for (std::size_t dot = host.find('.', 1); dot != host.npos; dot = host.find('.', dot + 1)) {
      const auto table = wildcards_.find(host.substr(dot + 1));
      if (table == wildcards_.end()) continue;
      if (const Route* route = find_path(table->second, facts, path)) return route;
    }
  }
  return find_path(any_host_, facts, path);
}

const Route* Router::find_path(const PathTable& table, const RequestFacts& facts,
                               std::string_view path) const {
  if (path != "*") {
    if (!table.exact.empty()) {
      if (const auto bucket = table.exact.find(path); bucket != table.exact.end()) {
        if (const Route* route = first_fit(bucket->second, facts)) return route;
      }
    }
    if (const Route* route = find_prefix(table, facts, path)) return route;
    for (const std::uint32_t place : table.regexes) {
      const Route& route = routes_[place];
      if (fits(route.settings.match, facts) && matches_whole(*route.regex, path)) return &route;
    }
  }
  return first_fit(table.others, facts);
}

const Route* Router::find_prefix(const PathTable& table, const RequestFacts& facts,
                                 std::string_view path) const {
  for (const std::size_t size : table.prefix_sizes) {
    if (size > path.size()) continue;
    const bool whole = size == path.size() || path[size] == '/' || path[size - 1] == '/';
    if (!whole) continue;
    const auto bucket = table.prefixes.find(path.substr(0, size));
    if (bucket == table.prefixes.end()) continue;
    if (const Route* route = first_fit(bucket->second, facts)) return route;
  }
  return nullptr;
}

const Route* Router::first_fit(const Bucket& bucket, const RequestFacts& facts) const {
  for (const std::uint32_t place : bucket) {
    if (fits(routes_[place].settings.match, facts)) return &routes_[place];
  }
  return nullptr;
}

}  // namespace finack::gateway
