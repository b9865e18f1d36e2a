#pragma once
#include <re2/re2.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/route_settings.h"

namespace finack::gateway {

/// A regex of the file with bounded memory; the error is RE2's.
std::expected<std::unique_ptr<const RE2>, std::string> compile_regex(std::string_view text);

/// Why a request's path cannot be rewritten.
enum class RewriteFault : std::uint8_t {
  none,
  too_long,  ///< More than PathRewrite::kLongest bytes: 414.
  dots       ///< What was taken out left a "." or ".." segment, or half an escape: 400.
};

/// How a route changes the path that the upstream sees. Constant once made; any thread.
class PathRewrite {
 public:
  static constexpr std::size_t kLongest = 64 * 1024;  ///< Bytes of a target.

  /// `match_prefix` is what rewrite.prefix stands in the place of, as read by path_reading.h. The
  /// error is half a sentence for a person.
  static std::expected<PathRewrite, std::string> compile(const RewriteSettings& settings,
                                                         std::string_view match_prefix);

  /// Writes path and query for the upstream to `out`. `path` is the one that the router found,
  /// "*" stays as it is. `query` without '?'; nullptr data: none. It is kept: behind the '?' that
  /// `with` wrote, if any, with '&'. A regex that is not found leaves the path as it is; of a path
  /// that no longer begins with '/' it is put in front.
  RewriteFault apply(std::string_view path, std::string_view query, std::string& out) const;

 private:
  PathRewrite() = default;
  void replace_prefix(std::string_view path, std::string& out) const;
  RewriteFault replace_match(std::string_view path, std::string& out) const;

  std::string match_prefix_, prefix_;
  std::unique_ptr<const RE2> regex_;
  std::string with_;
};

}  // namespace finack::gateway
