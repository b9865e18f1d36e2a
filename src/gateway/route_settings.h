#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "finack/base/clock.h"

namespace finack::gateway {

/// Texts by names, in the file's order.
using NamedTexts = std::vector<std::pair<std::string, std::string>>;

/// Which requests a route takes; what is empty matches all. At most one of exact, prefix, regex.
struct MatchSettings {
  std::vector<std::string> hosts;  ///< "example.test", or "*.example.test" for any name below it.
  std::string exact;               ///< The whole path.
  std::string prefix;  ///< The path or a start of it that ends before a '/': /api takes /api/x.
  std::string regex;   ///< RE2; the whole path must match.
  std::vector<std::string> methods;
  NamedTexts headers;  ///< Field name to exact value; an empty value: it must be there.

  friend bool operator==(const MatchSettings&, const MatchSettings&) = default;
};

struct SplitBranch {
  std::string cluster;
  std::uint32_t weight = 1;  ///< 0: only by `when`.
  std::string when;  ///< Requests whose header or cookie has this value come here; empty: none.

  friend bool operator==(const SplitBranch&, const SplitBranch&) = default;
};

/// A client stays with the branch that it met first.
struct StickySettings {
  std::string cookie = "finack_split";
  Nanos max_age = std::chrono::hours(24);  ///< 0: until the browser closes.

  friend bool operator==(const StickySettings&, const StickySettings&) = default;
};

/// Requests divided among clusters (canary).
struct SplitSettings {
  std::vector<SplitBranch> to;
  std::string header;  ///< Read for `when`.
  std::string cookie;  ///< The same; at most one of both.
  std::optional<StickySettings> sticky;

  friend bool operator==(const SplitSettings&, const SplitSettings&) = default;
};

struct RedirectSettings {
  int status = 308;        ///< 301, 302, 303, 307 or 308.
  std::string to;          ///< A path or an absolute URL.
  bool keep_path = false;  ///< The request's path and query follow it.

  friend bool operator==(const RedirectSettings&, const RedirectSettings&) = default;
};

struct RespondSettings {
  int status = 200;
  std::string body;
  NamedTexts headers;

  friend bool operator==(const RespondSettings&, const RespondSettings&) = default;
};

/// The path that the upstream sees. Exactly one of prefix and regex.
struct RewriteSettings {
  std::string prefix;  ///< Stands in the place of match.prefix.
  std::string regex;   ///< RE2; its first match in the path is replaced.
  std::string with;    ///< By this; \1 is the first group.

  friend bool operator==(const RewriteSettings&, const RewriteSettings&) = default;
};

/// In this order: remove, set, add.
struct HeaderEdits {
  NamedTexts set;
  NamedTexts add;
  std::vector<std::string> remove;

  friend bool operator==(const HeaderEdits&, const HeaderEdits&) = default;
};

struct RouteHeaders {
  HeaderEdits request;
  HeaderEdits response;

  friend bool operator==(const RouteHeaders&, const RouteHeaders&) = default;
};

/// What a route sets differently from its cluster; empty: the cluster's.
struct RouteTimeouts {
  std::optional<Nanos> resolve, connect, tls, send, first_response_byte, response_idle, try_,
      request_total, queue, tunnel_idle;

  friend bool operator==(const RouteTimeouts&, const RouteTimeouts&) = default;
};

struct RouteRetry {
  std::optional<std::uint32_t> tries;
  std::optional<bool> on_timeout;
  std::optional<std::vector<int>> statuses;
  bool idempotent = false;  ///< All its requests may be repeated, whatever their method.

  friend bool operator==(const RouteRetry&, const RouteRetry&) = default;
};

/// How much is held in memory, and how much more on disk; 0 on disk: none.
struct BufferSettings {
  std::uint64_t memory = 64 * 1024;
  std::uint64_t disk = 0;

  friend bool operator==(const BufferSettings&, const BufferSettings&) = default;
};

enum class OnClientGone : std::uint8_t {
  cancel,  ///< The upstream request is cancelled at once.
  run      ///< It may end; its response is read and dropped.
};

/// Exactly one of cluster, split, redirect, respond is there once read.
struct RouteSettings {
  std::string name;  ///< In records and metrics; empty: what it matches.
  MatchSettings match;
  std::string cluster;
  std::optional<SplitSettings> split;
  std::optional<RedirectSettings> redirect;
  std::optional<RespondSettings> respond;
  std::optional<RewriteSettings> rewrite;
  RouteHeaders headers;
  RouteTimeouts timeouts;
  RouteRetry retry;
  std::optional<BufferSettings> buffer_request;   ///< None: streamed.
  std::optional<BufferSettings> buffer_response;  ///< None: streamed.
  OnClientGone on_client_gone = OnClientGone::cancel;
  Nanos run_for = std::chrono::seconds(30);          ///< Where it runs on, at most; 0: no bound.
  std::optional<std::uint64_t> max_body_bytes;       ///< Empty: the listener's.
  std::vector<std::string> upgrade = {"websocket"};  ///< Protocols allowed; CONNECT never is.

  friend bool operator==(const RouteSettings&, const RouteSettings&) = default;
};

}  // namespace finack::gateway
