#include "config/path_tree.h"

#include <algorithm>
#include <string_view>

namespace finack::config {
namespace {

PathNode& child(PathNode& parent, std::string_view key) {
  const auto found =
      std::ranges::find_if(parent.children, [&](const PathNode& node) { return node.key == key; });
  if (found != parent.children.end()) return *found;
  return parent.children.emplace_back(PathNode{std::string(key), nullptr, nullptr, {}});
}

void add_option(PathNode& root, const Option& option) {
  if (option.path.empty()) return;
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

}  // namespace

PathNode path_tree(const Scope& scope) {
  PathNode root;
  auto part = scope.parts().begin();
  const auto add_parts = [&](std::size_t options_before) {
    for (; part != scope.parts().end() && part->options_before <= options_before; ++part) {
      child(root, part->path).part = &*part;
    }
  };
  std::size_t index = 0;
  for (const Option& option : scope.table().options()) {
    add_parts(index++);
    add_option(root, option);
  }
  add_parts(index);
  return root;
}

}  // namespace finack::config
