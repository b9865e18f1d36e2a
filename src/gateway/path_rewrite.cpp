#include "gateway/path_rewrite.h"

#include <fmt/format.h>

#include <array>

#include "gateway/path_reading.h"
#include "http/scan.h"

namespace finack::gateway {
namespace {

/// \0 to \9
constexpr std::size_t kGroups = 10;

/// The first byte that a target cannot hold, or 0. Escapes of `with` are none of it.
char bad_byte(std::string_view with) {
  bool query = false;
  for (std::size_t i = 0; i < with.size(); ++i) {
    if (with[i] == '\\') {
      const bool group =
          i + 1 < with.size() && http::scan::is_digit(static_cast<unsigned char>(with[i + 1]));
      if (!group) return with[i];
      ++i;
      continue;
    }
    const bool fine = query ? http::scan::accepts<http::scan::Query>(with[i])
                            : with[i] == '?' || http::scan::accepts<http::scan::Path>(with[i]);
    if (!fine) return with[i];
    query = query || with[i] == '?';
  }
  return 0;
}

/// As any server may read it. What no path can hold is refused with them: a cut made it.
bool has_dots(std::string_view path) {
  if (is_plain(path)) return false;
  std::string storage;
  const PathSurvey survey = survey_path(path, storage);
  return survey.fault != PathFault::none || (survey.disputed & kResolveDots) != 0;
}

}  // namespace

std::expected<std::unique_ptr<const RE2>, std::string> compile_regex(std::string_view text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  auto regex = std::make_unique<const RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!regex->ok()) return std::unexpected(regex->error());
  return regex;
}

std::expected<PathRewrite, std::string> PathRewrite::compile(const RewriteSettings& settings,
                                                             std::string_view match_prefix) {
  PathRewrite rewrite;
  rewrite.match_prefix_ = match_prefix;
  rewrite.prefix_ = settings.prefix;
  if (settings.regex.empty()) return rewrite;
  auto regex = compile_regex(settings.regex);
  if (!regex) return std::unexpected(fmt::format("regex: {}", regex.error()));
  std::string error;
  if (!(*regex)->CheckRewriteString(settings.with, &error)) {
    return std::unexpected(fmt::format("with: {}", error));
  }
  if (const char c = bad_byte(settings.with); c != 0) {
    return std::unexpected(fmt::format("with: '{}' cannot stand in a path", c));
  }
  rewrite.regex_ = *std::move(regex);
  rewrite.with_ = settings.with;
  return rewrite;
}

RewriteFault PathRewrite::apply(std::string_view path, std::string_view query,
                                std::string& out) const {
  out.clear();
  if (path == "*") {
    out.assign(path);
    return RewriteFault::none;
  }
  if (regex_ == nullptr) {
    replace_prefix(path, out);
  } else if (const auto fault = replace_match(path, out); fault != RewriteFault::none) {
    return fault;
  }
  if (query.data() != nullptr) {
    out.push_back(out.find('?') == std::string::npos ? '?' : '&');
    out.append(query);
  }
  return out.size() > kLongest ? RewriteFault::too_long : RewriteFault::none;
}

void PathRewrite::replace_prefix(std::string_view path, std::string& out) const {
  std::string_view rest = path.substr(std::min(match_prefix_.size(), path.size()));
  out.assign(prefix_);
  const bool slash = out.ends_with('/');
  if (slash && rest.starts_with('/')) rest.remove_prefix(1);
  if (!slash && !rest.empty() && !rest.starts_with('/')) out.push_back('/');
  out.append(rest);
}

RewriteFault PathRewrite::replace_match(std::string_view path, std::string& out) const {
  std::array<re2::StringPiece, kGroups> groups;
  const re2::StringPiece text(path.data(), path.size());
  const int wanted = RE2::MaxSubmatch(with_) + 1;
  if (!regex_->Match(text, 0, path.size(), RE2::UNANCHORED, groups.data(), wanted)) {
    out.assign(path);
    return RewriteFault::none;
  }
  const auto begin = static_cast<std::size_t>(groups[0].data() - path.data());
  out.assign(path.substr(0, begin));
  for (std::size_t i = 0; i < with_.size(); ++i) {
    if (with_[i] != '\\') {
      out.push_back(with_[i]);
      continue;
    }
    const auto group = static_cast<std::size_t>(with_[++i] - '0');
    out.append(groups[group].data(), groups[group].size());
    if (out.size() > kLongest) return RewriteFault::too_long;
  }
  out.append(path.substr(begin + groups[0].size()));
  if (!out.starts_with('/')) out.insert(0, 1, '/');
  const std::string_view made = out;
  return has_dots(made.substr(0, made.find('?'))) ? RewriteFault::dots : RewriteFault::none;
}

}  // namespace finack::gateway
