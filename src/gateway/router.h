#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "finack/http/message.h"
#include "finack/record/cause.h"
#include "gateway/path_reading.h"
#include "gateway/route.h"

namespace finack::gateway {

/// What a route is chosen by. Views need to live only during the call.
struct RequestFacts {
  std::string_view host;    ///< As received: any case, with or without port and final dot.
  std::string_view path;    ///< As received, without query; "*" for asterisk-form.
  std::string_view method;  ///< "GET"
  std::span<const http::Header> headers;
};

/// Where a request goes.
struct Found {
  const Route* route = nullptr;       ///< Null: none matches (policy.no_route), or `fault`.
  PathFault fault = PathFault::none;  ///< Refused with 400.
  std::string_view path;  ///< The normal reading, for rewrites: of the facts or of the storage.
};
/// What a request that is refused for its path ends with.
record::Cause cause_of(PathFault fault);

/// Chooses routes. Constant once made; any thread.
///
/// Of the routes whose every condition holds, the most specific one is taken; they are compared by
/// these, in this order:
///  1. host: the exact name, then the longest "*." pattern, then no host;
///  2. path: exact, then the longest prefix, then a regex, then none (prefix / is none);
///  3. method: some, then none;
///  4. headers: the more of them, the more specific;
///  5. the file's order.
/// A route without a host takes what no route of the request's host takes.
///
/// Hosts are compared without case, port and final dot. Prefixes take whole segments: /api takes
/// /api and /api/x, not /apix; /api/ takes what begins with it. Paths are compared as
/// path_reading.h reads them. A path that servers read differently is taken only if every reading
/// leads to the same route; otherwise the request is refused, as a server could take it for one
/// that another route guards. Methods are compared with case; of a header that is repeated any line
/// will do.
class Router {
 public:
  /// The error is a sentence for a person that names the route.
  static std::expected<Router, std::string> compile(std::vector<RouteSettings> routes);

  /// `storage` holds what must be decoded; a worker keeps one for all its requests. Allocates
  /// nothing once that and the regexes' caches have grown. Costs a few look-ups by hash, and one
  /// pass over the path for each regex of the host.
  Found find(const RequestFacts& facts, std::string& storage) const;

  std::span<const Route> routes() const { return routes_; }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class Value>
  using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;
  /// Places in routes_, the most specific first.
  using Bucket = std::vector<std::uint32_t>;

  /// The routes of one host, by path.
  struct PathTable {
    ByText<Bucket> exact;
    ByText<Bucket> prefixes;
    std::vector<std::size_t> prefix_sizes;  ///< Different ones, the longest first.
    Bucket regexes;
    Bucket others;
  };

  Router() = default;
  void add(const Route& route);
  void add_to(PathTable& table, const Route& route);
  void sort(Bucket& bucket) const;
  void seal(PathTable& table);

  const Route* find_read(std::string_view host, const RequestFacts& facts,
                         std::string_view path) const;
  const Route* find_path(const PathTable& table, const RequestFacts& facts,
                         std::string_view path) const;
  const Route* find_prefix(const PathTable& table, const RequestFacts& facts,
                           std::string_view path) const;
  const Route* first_fit(const Bucket& bucket, const RequestFacts& facts) const;
  Found find_disputed(std::string_view host, const RequestFacts& facts, std::string& storage) const;

  std::vector<Route> routes_;
  ByText<PathTable> hosts_;
  ByText<PathTable> wildcards_;  ///< By what follows "*.".
  PathTable any_host_;
};

}  // namespace finack::gateway
