#include "config/differences.h"

#include <algorithm>

namespace finack::config {
namespace {

bool same(const Option& before, const Option& after) {
  return before.is_set == after.is_set && before.fallback == after.fallback;
}

void compare(const Scope& before, const Scope& after, const std::string& path,
             std::vector<std::string>& out) {
  const auto join = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  for (std::size_t i = 0; i < before.table().options().size(); ++i) {
    const Option& option = before.table().options()[i];
    if (!same(option, after.table().options()[i])) out.push_back(join(option.path));
  }
  for (std::size_t i = 0; i < before.parts().size(); ++i) {
    const Part& part = before.parts()[i];
    const std::vector<Entry> held = part.held();
    const std::vector<Entry> now = after.parts()[i].held();
    const bool entries_fit = std::ranges::equal(held, now, [](const Entry& a, const Entry& b) {
      return a.name == b.name && a.text == b.text;
    });
    if (!entries_fit) {
      out.push_back(join(part.path));
      continue;
    }
    for (std::size_t k = 0; k < held.size(); ++k) {
      if (!held[k].instance) continue;
      std::string inside = join(part.path);
      if (part.kind == PartKind::items) inside += "[" + std::to_string(k) + "]";
      if (part.kind == PartKind::named) inside += "." + held[k].name;
      compare(held[k].instance->scope(), now[k].instance->scope(), inside, out);
    }
  }
}

}  // namespace

std::vector<std::string> differences(const Scope& before, const Scope& after,
                                     const std::string& path) {
  std::vector<std::string> out;
  compare(before, after, path, out);
  return out;
}

}  // namespace finack::config
