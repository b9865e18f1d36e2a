#pragma once
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "gateway/router.h"
#include "http/ascii.h"

// The router's rules written down a second time, one route after another, for tests that compare.

namespace finack::gateway::reference {

/// How specific a match is; greater is more.
using Rank = std::tuple<std::size_t, int, std::size_t, bool, std::size_t>;

inline std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), http::to_lower);
  return out;
}

/// 0: no match; 1: any host; longer patterns more; exact most.
inline std::size_t host_rank(const MatchSettings& match, std::string_view host) {
  if (match.hosts.empty()) return 1;
  std::size_t best = 0;
  for (const std::string& pattern : match.hosts) {
    const std::string text = lower(pattern);
    if (text == host) best = 1000;
    if (text.starts_with("*.") && host.size() >= text.size() &&
        host.ends_with(std::string_view(text).substr(1))) {
      best = std::max(best, 1 + text.size());
    }
  }
  return best;
}

/// Made once for each text: making one takes long.
inline bool matches_whole(const std::string& regex, std::string_view path) {
  static std::map<std::string, std::unique_ptr<const RE2>> made;
  auto& known = made[regex];
  if (known == nullptr) known = std::make_unique<const RE2>(regex);
  return RE2::FullMatch(re2::StringPiece(path.data(), path.size()), *known);
}

/// What kind of path matches (-1: none does) and how long it is.
inline std::pair<int, std::size_t> path_rank(const MatchSettings& match, std::string_view path) {
  if (!match.exact.empty()) return {match.exact == path ? 3 : -1, 0};
  if (!match.regex.empty()) {
    const bool fits = path != "*" && matches_whole(match.regex, path);
    return {fits ? 1 : -1, 0};
  }
  if (match.prefix.empty() || match.prefix == "/") return {0, 0};
  if (!path.starts_with(match.prefix)) return {-1, 0};
  const std::string_view rest = path.substr(match.prefix.size());
  const bool whole = rest.empty() || rest[0] == '/' || match.prefix.ends_with('/');
  return {whole ? 2 : -1, match.prefix.size()};
}

/// The place of the best route, or -1. Host and path are given as the router compares them.
inline int find(std::span<const RouteSettings> routes, std::string_view host, std::string_view path,
                std::string_view method, std::span<const http::Header> headers) {
  int best = -1;
  Rank best_rank;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const MatchSettings& match = routes[i].match;
    const std::size_t by_host = host_rank(match, host);
    const auto [kind, size] = path_rank(match, path);
    const bool by_method = match.methods.empty() || std::ranges::count(match.methods, method) != 0;
    const bool by_headers = std::ranges::all_of(match.headers, [&](const auto& wanted) {
      return std::ranges::any_of(headers, [&](const http::Header& field) {
        return lower(field.name) == lower(wanted.first) &&
               (wanted.second.empty() || field.value == wanted.second);
      });
    });
    if (by_host == 0 || kind < 0 || !by_method || !by_headers) continue;
    const Rank rank{by_host, kind, size, !match.methods.empty(), match.headers.size()};
    if (best >= 0 && rank <= best_rank) continue;
    best = static_cast<int>(i);
    best_rank = rank;
  }
  return best;
}

}  // namespace finack::gateway::reference
