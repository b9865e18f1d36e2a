#include "config/path_tree.h"

#include <algorithm>
#include <string_view>

namespace finack::config {
namespace {

PathNode& child(PathNode& parent, std::string_view key) {
  const auto found =
      std::ranges::find_if(parent.children, [&](const PathNode& node) { return node.key == key; });
  if (found != parent.children.end()) return *found;
  return parent.children.emplace_back(PathNode{std::string(key), nullptr, {}});
}

}  // namespace

PathNode path_tree(const OptionTable& table) {
  PathNode root;
  for (const Option& option : table.options()) {
    if (option.path.empty()) continue;
    PathNode* node = &root;
    std::string_view rest = option.path;
    for (;;) {
      const std::size_t dot = rest.find('.');
      node = &child(*node, rest.substr(0, dot));
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
    node->option = &option;
  }
  return root;
}

}  // namespace finack::config
