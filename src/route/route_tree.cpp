#include "route/route_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "route/route.h"

namespace finack::route {

/// Static text, then either the end of a route or one of three ways on.
struct RouteTree::Node {
  /// The child whose text `rest` (not empty) begins with.
  const Node* child_for(std::string_view rest) const;

  std::string prefix;
  std::string first_bytes;  ///< Of the children, in their order.
  std::vector<std::unique_ptr<Node>> children;
  std::unique_ptr<Node> param;
  std::string param_name;
  std::string param_origin;  ///< The pattern that brought the name.
  const Route* wildcard = nullptr;
  const Route* route = nullptr;
};

RouteTree::RouteTree() : root_(std::make_unique<Node>()) {}
RouteTree::~RouteTree() = default;
RouteTree::RouteTree(RouteTree&&) noexcept = default;

namespace {

[[noreturn]] void refuse(std::string_view pattern, std::string_view why) {
  throw RouteConflict(fmt::format("route '{}': {}", pattern, why));
}

[[noreturn]] void conflict(const Route& added, std::string_view other, std::string_view why) {
  throw RouteConflict(fmt::format("route {} '{}' conflicts with '{}': {}", added.method_name,
                                  added.label.pattern, other, why));
}

/// One piece of a pattern: static text, or a parameter's name.
struct Piece {
  enum class Kind { text, param, wildcard } kind = Kind::text;
  std::string_view text;
};

Piece parameter_piece(std::string_view pattern, std::size_t at) {
  const std::size_t end = std::min(pattern.find('/', at), pattern.size());
  const std::string_view name = pattern.substr(at + 1, end - at - 1);
  if (name.empty()) refuse(pattern, "a parameter needs a name");
  if (name.find_first_of(":*") != std::string_view::npos) {
    refuse(pattern, "only one parameter in a path segment");
  }
  if (pattern[at] == ':') return {Piece::Kind::param, name};
  if (end != pattern.size()) refuse(pattern, "a wildcard must be the last segment");
  if (pattern[at - 1] != '/') refuse(pattern, "a wildcard must stand behind a '/'");
  return {Piece::Kind::wildcard, name};
}

std::vector<Piece> split(std::string_view pattern) {
  if (pattern.empty() || pattern[0] != '/') refuse(pattern, "a pattern begins with '/'");
  std::vector<Piece> pieces;
  for (std::size_t at = 0; at < pattern.size();) {
    if (pattern[at] == ':' || pattern[at] == '*') {
      pieces.push_back(parameter_piece(pattern, at));
      at += pieces.back().text.size() + 1;
    } else {
      const std::size_t end = std::min(pattern.find_first_of(":*", at), pattern.size());
      pieces.push_back({Piece::Kind::text, pattern.substr(at, end - at)});
      at = end;
    }
  }
  return pieces;
}

}  // namespace

std::vector<std::string> parameter_names(const std::string& pattern) {
  std::vector<std::string> names;
  for (const Piece& piece : split(pattern)) {
    if (piece.kind == Piece::Kind::text) continue;
    if (std::ranges::find(names, piece.text) != names.end()) {
      refuse(pattern, fmt::format("the parameter '{}' stands in it twice", piece.text));
    }
    names.emplace_back(piece.text);
  }
  if (names.size() > Params::kMax) {
    refuse(pattern, fmt::format("more than {} parameters", Params::kMax));
  }
  return names;
}

RouteTree::Node& RouteTree::insert_static(Node& from, std::string_view text) {
  Node* node = &from;
  while (!text.empty()) {
    const std::size_t i = node->first_bytes.find(text[0]);
    if (i == std::string::npos) {
      node->first_bytes.push_back(text[0]);
      node->children.push_back(std::make_unique<Node>());
      node->children.back()->prefix = text;
      return *node->children.back();
    }
    std::unique_ptr<Node>& child = node->children[i];
    const auto differ = std::ranges::mismatch(child->prefix, text);
    const auto common = static_cast<std::size_t>(differ.in1 - child->prefix.begin());
    if (common < child->prefix.size()) {
      auto upper = std::make_unique<Node>();
      upper->prefix = child->prefix.substr(0, common);
      child->prefix.erase(0, common);
      upper->first_bytes.push_back(child->prefix[0]);
      upper->children.push_back(std::move(child));
      child = std::move(upper);
    }
    node = child.get();
    text.remove_prefix(common);
  }
  return *node;
}

RouteTree::Node& RouteTree::insert_param(Node& from, std::string_view name, const Route& route) {
  if (from.param == nullptr) {
    from.param = std::make_unique<Node>();
    from.param_name = name;
    from.param_origin = route.label.pattern;
  } else if (from.param_name != name) {
    conflict(route, from.param_origin,
             fmt::format("':{}' and ':{}' stand at the same place", name, from.param_name));
  }
  return *from.param;
}

void RouteTree::add(const Route& route) {
  Node* node = root_.get();
  for (const Piece& piece : split(route.label.pattern)) {
    switch (piece.kind) {
      case Piece::Kind::text:
        node = &insert_static(*node, piece.text);
        break;
      case Piece::Kind::param:
        node = &insert_param(*node, piece.text, route);
        has_params_ = true;
        break;
      case Piece::Kind::wildcard:
        if (node->wildcard != nullptr) {
          conflict(route, node->wildcard->label.pattern, "both match the same paths");
        }
        node->wildcard = &route;
        has_params_ = true;
        ++count_;
        return;
    }
  }
  if (node->route != nullptr) {
    conflict(route, node->route->label.pattern, "both match the same paths");
  }
  node->route = &route;
  ++count_;
  if (route.param_names.empty()) exact_.add(route.label.pattern, route);
}

const Route* RouteTree::find(std::string_view path, Params& params) const {
  params.count = 0;
  const Route* found = find_exact(path);
  return found != nullptr || !has_params_ ? found : match(root_.get(), path, 0, params);
}

const RouteTree::Node* RouteTree::Node::child_for(std::string_view rest) const {
  for (std::size_t i = 0; i < first_bytes.size(); ++i) {
    if (first_bytes[i] != rest[0]) continue;
    const Node& child = *children[i];
    const bool fits = rest.size() >= child.prefix.size() &&
                      same_text(rest.data(), child.prefix.data(), child.prefix.size());
    return fits ? &child : nullptr;
  }
  return nullptr;
}

// Recursive only where static text and a :param both go on: no deeper than the longest pattern has
// parameters. What a failed branch leaves to is the last wildcard passed, or that fork.
const Route* RouteTree::match(const Node* node, std::string_view path, std::size_t at,
                              Params& params) const {
  const Route* wildcard = nullptr;
  std::size_t wildcard_at = 0;
  std::size_t wildcard_count = 0;
  while (node != nullptr) {
    if (node->wildcard != nullptr) {
      wildcard = node->wildcard;
      wildcard_at = at - 1;
      wildcard_count = params.count;
    }
    if (at == path.size()) {
      if (node->route != nullptr) return node->route;
      break;
    }
    const Node* child = node->child_for(path.substr(at));
    if (node->param == nullptr || path[at] == '/') {
      if (child != nullptr) at += child->prefix.size();
      node = child;
      continue;
    }
    if (child != nullptr) {
      const std::size_t count = params.count;
      const Route* found = match(child, path, at + child->prefix.size(), params);
      if (found != nullptr) return found;
      params.count = count;
    }
    const std::size_t end = std::min(path.find('/', at), path.size());
    params.values[params.count++] = path.substr(at, end - at);
    node = node->param.get();
    at = end;
  }
  if (wildcard == nullptr) return nullptr;
  params.count = wildcard_count;
  params.values[params.count++] = path.substr(wildcard_at);
  return wildcard;
}

}  // namespace finack::route
