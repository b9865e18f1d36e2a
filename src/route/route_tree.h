#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/exact_paths.h"
#include "route/route.h"

namespace finack::route {

/// Values of a path's parameters, in the order of their names; views of the request path.
struct Params {
  static constexpr std::size_t kMax = 16;
  std::array<std::string_view, kMax> values;
  std::size_t count = 0;
};

/// The routes of one method: a radix tree over bytes. At each node static text wins over :param,
/// :param over *wildcard, and a branch that leads nowhere is left for the next best (as Gin 1.8).
/// So a pattern without parameters wins where it is the whole path, and is looked up before.
/// Matches the path as received: "%2F" inside a segment stays inside it.
class RouteTree {
 public:
  RouteTree();
  ~RouteTree();
  RouteTree(RouteTree&&) noexcept;

  /// Throws RouteConflict when the pattern is malformed or meets one that was added before.
  void add(const Route& route);
  /// nullptr: none. No allocation.
  const Route* find(std::string_view path, Params& params) const;
  /// Among the patterns without parameters alone.
  [[gnu::always_inline]] const Route* find_exact(std::string_view path) const {
    return exact_.find(path);
  }
  bool empty() const { return count_ == 0; }

 private:
  struct Node;
  const Route* match(const Node* node, std::string_view path, std::size_t at, Params& params) const;
  Node& insert_static(Node& from, std::string_view text);
  Node& insert_param(Node& from, std::string_view name, const Route& route);
  ExactPaths exact_;
  std::unique_ptr<Node> root_;
  std::size_t count_ = 0;
  bool has_params_ = false;
};

/// The names of a pattern's parameters; throws RouteConflict when it is malformed.
std::vector<std::string> parameter_names(const std::string& pattern);

}  // namespace finack::route
